import pytest

from trellis.gateway.peers import Peers


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("ipv4:10.0.0.7:5000", None, "10.0.0.7"),
        ("ipv6:[2001:db8::1]:5000", None, "2001:db8::1"),
        ("ipv6:%5B2001:db8::1%5D:5000", None, "2001:db8::1"),
        ("unix:/run/x", None, "/run/x"),
        ("ipv4:10.0.0.7:5000", "192.0.2.9", "10.0.0.7"),
        ("ipv4:127.0.0.1:5000", "192.0.2.9", "192.0.2.9"),
        ("ipv4:127.0.0.1:5000", "192.0.2.9, 127.0.0.1", "192.0.2.9"),
        ("ipv4:127.0.0.1:5000", "198.51.100.1, 192.0.2.9", "192.0.2.9"),
        ("ipv4:127.0.0.1:5000", "", "127.0.0.1"),
    ],
    ids=["v4", "v6", "v6-quoted", "unix", "stranger", "proxy", "two", "forged", "empty"],
)
def test_a_callers_address(peer: str, forwarded: str | None, address: str) -> None:
    assert Peers("127.0.0.1").address(peer, forwarded) == address

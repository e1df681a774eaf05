import socket

import pytest

from trellis.local.ports import free_ports, in_url, reachable, why_not_free


def test_free_ports_differ_and_are_free() -> None:
    ports = [port for _ in range(20) for port in free_ports(2)]
    assert len(set(ports)) == 40
    assert all(why_not_free("127.0.0.1", port) is None for port in ports)


def test_a_taken_port_and_a_foreign_address_are_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "in use" in (why_not_free("127.0.0.1", taken.getsockname()[1]) or "")
    assert "assign" in (why_not_free("203.0.113.7", 80) or "")


@pytest.mark.parametrize(
    ("bound", "url"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("192.0.2.2", "192.0.2.2"),
        ("localhost", "localhost"),
        ("2001:db8::1", "[2001:db8::1]"),
    ],
)
def test_where_a_server_is_reached(bound: str, url: str) -> None:
    assert in_url(reachable(bound)) == url

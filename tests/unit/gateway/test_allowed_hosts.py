import pytest

from trellis.gateway.allowed_hosts import HostNames


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:8080",
        "tomato.localhost:80",
        "127.0.0.1:8080",
        "10.244.1.7",
        "[::1]:8080",
        "[fd00::7]",
        "gateway.example.com",
        "Gateway.Example.com.:443",
        "b.lab.example",
    ],
)
def test_names_of_this_machine_addresses_and_listed_names_pass(host: str) -> None:
    assert HostNames("gateway.example.com, *.lab.example").allow(host.encode())


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "notlocalhost",
        "lab.example",
        "gateway.example.com.evil.example",
        "[::1].evil.example",
        "127.0.0.1@evil.example",
        "0x7f.1",
    ],
)
def test_others_do_not(host: str) -> None:
    assert not HostNames("gateway.example.com,*.lab.example").allow(host.encode())


@pytest.mark.parametrize("names", ["a b", "http://a", "a:80", "a/b", "a,,b;c"])
def test_what_is_no_list_of_names_is_told(names: str) -> None:
    with pytest.raises(ValueError, match="no host name"):
        HostNames(names)

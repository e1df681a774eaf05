import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trellis.gateway.jobs.safe_address import AddressRefused, AddressRules

PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "2a00:1450:4001::8a"]
INSIDE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.8.8.8",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_called(address: str) -> None:
    AddressRules("", "443").check_address("example.com", address)


@pytest.mark.parametrize("address", INSIDE)
def test_no_address_that_leads_inside_may_be_called(address: str) -> None:
    with pytest.raises(AddressRefused, match=r"'example\.com' has no public address"):
        AddressRules("", "443").check_address("example.com", address)


@pytest.mark.parametrize(
    "allowed", ["10.1.0.0/16", "hooks.local, 10.1.2.3", "Hooks.Local.", "::/0,10.1.2.3"]
)
def test_what_is_allowed_by_name_or_range_may_be_called(allowed: str) -> None:
    AddressRules(allowed, "443").check_address("hooks.local", "10.1.2.3")


def test_a_range_allows_nothing_beside_it() -> None:
    rules = AddressRules("10.1.0.0/16, hooks.local", "443")
    with pytest.raises(AddressRefused):
        rules.check_address("other.local", "10.2.0.1")
    with pytest.raises(AddressRefused):
        rules.check_address("evil.hooks.local", "10.2.0.1")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.com/", "http:// or https://"),
        ("file:///etc/passwd", "http:// or https://"),
        ("//example.com/", "http:// or https://"),
        ("example.com", "http:// or https://"),
        ("https://", "http:// or https://"),
        ("https://user:secret@example.com/", "user or a password"),
        ("https://user@example.com/", "user or a password"),
        ("https://example.com:22/", "port is 22; callbacks go to ports 80, 443"),
        ("https://example.com:99999/", "no URL"),
        ("https://[::1", "no URL"),
        ("https://example.com/a b", "visible characters"),
        ("https://example.com/\r\nx: y", "visible characters"),
        ("https://example.com/é", "visible characters"),
        ("", "visible characters"),
        ("https://example.com/" + "a" * 2048, "at most 2048"),
    ],
)
def test_a_url_of_another_form_is_refused_in_words(url: str, words: str) -> None:
    with pytest.raises(AddressRefused, match=words):
        AddressRules("", "80,443").check_url(url)


def test_ports_may_be_any() -> None:
    assert AddressRules("", "*").check_url("http://example.com:8080/a").port == 8080


@pytest.mark.parametrize("entry", ["no host", "10.0.0.0/33", "a..b", "-a", "https://a"])
def test_an_entry_that_names_nothing_is_told(entry: str) -> None:
    with pytest.raises(ValueError, match="no host name"):
        AddressRules(f"10.0.0.0/8, {entry}", "443")


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "4.4"])
def test_a_port_that_is_none_is_told(port: str) -> None:
    with pytest.raises(ValueError, match="is no port"):
        AddressRules("", f"443,{port}")


@given(
    st.text(max_size=60)
    | st.text("htps:/@[]%.0123456789abcdef?#", max_size=60).map("http://".__add__)
)
@settings(derandomize=True, database=None)
def test_any_text_is_a_url_or_refused(text: str) -> None:
    rules = AddressRules("", "*")
    try:
        parsed = rules.check_url(text)
    except AddressRefused:
        return
    assert parsed.scheme in {"http", "https"}
    assert parsed.raw_host

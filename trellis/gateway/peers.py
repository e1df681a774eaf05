"""A gRPC caller's address, read by the rule that uvicorn has for REST."""

from urllib.parse import unquote

from uvicorn.middleware import proxy_headers


class Peers:
    """``trusted_proxies`` as in the settings: whose ``x-forwarded-for`` is believed."""

    def __init__(self, trusted_proxies: str) -> None:
        # Two readings of one setting would differ one day; uvicorn is pinned and has no public one.
        self._trusted = proxy_headers._TrustedHosts(trusted_proxies)  # noqa: SLF001

    def address(self, peer: str, forwarded_for: str | None) -> str:
        """The caller's address, from grpc's name of a peer (``ipv4:10.0.0.7:5000``) and the header."""
        family, _, rest = unquote(peer).partition(":")
        host = rest.rpartition(":")[0].strip("[]") if family in {"ipv4", "ipv6"} else rest
        if forwarded_for and host in self._trusted:
            return self._trusted.get_trusted_client_address(forwarded_for)[0] or host
        return host

"""Where a callback may go: to public addresses, and to what ``callback_allow`` names.

Whoever owns a name decides what it resolves to, and may decide otherwise a second later. So an
address is looked at where its socket is made: what was checked is what is connected to, however
the name, a number that passes for a name, or a second lookup came to it.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

#: Seconds in which a host must be resolved when a job is submitted.
RESOLVE_SECONDS = 5.0
LONGEST_URL = 2048

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: What ``is_global`` lets through and still leads inside: addresses that carry an IPv4 address
#: (mapped, compatible, NAT64, 6to4), protocol assignments, 6to4 relays, IPv6's retired
#: site-local range, and the one public address that is a cloud's own metadata service.
_NEVER: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "::/96",
        "::ffff:0:0/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2001::/23",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "168.63.129.16/32",
    )
)
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


class AddressRefused(OSError):
    """A callback may not go there; ``str(error)`` says what the rules are and nothing of the network."""


class AddressRules:
    """What may be called. Raises ``ValueError`` naming the entry that cannot be read.

    Parameters: ``allowed``, host names, addresses and CIDR ranges, comma-separated, that may be
    called though they are not public; ``ports``, comma-separated, or ``*`` for any.
    """

    def __init__(self, allowed: str, ports: str) -> None:
        self._hosts: set[str] = set()
        self._networks: list[Network] = []
        for entry in _entries(allowed):
            try:
                self._networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                if not _HOST.fullmatch(_canonical(entry)):
                    raise ValueError(
                        f"{entry!r} is no host name, no address and no CIDR range"
                    ) from None
                self._hosts.add(_canonical(entry))
        self._ports = None if ports.strip() == "*" else frozenset(map(_port, _entries(ports)))

    def check_url(self, url: str) -> URL:
        """The URL, where its form is right. Raises ``AddressRefused``; asks no name server."""
        if len(url) > LONGEST_URL or not _VISIBLE.fullmatch(url):
            raise AddressRefused(f"it must be a URL of at most {LONGEST_URL} visible characters")
        try:
            parsed = URL(url)
            port = parsed.port
        except ValueError:
            raise AddressRefused("it is no URL") from None
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise AddressRefused("it must begin with http:// or https:// and name a host")
        if parsed.user is not None or parsed.password is not None:
            raise AddressRefused("it may not carry a user or a password")
        if self._ports is not None and port not in self._ports:
            known = ", ".join(map(str, sorted(self._ports)))
            raise AddressRefused(f"its port is {port}; callbacks go to ports {known}")
        return parsed

    def check_address(self, host: str, address: str) -> None:
        """Raises ``AddressRefused`` where ``address``, to which ``host`` led, may not be called."""
        parsed = ipaddress.ip_address(address)
        if (
            _canonical(host) in self._hosts
            or any(parsed in network for network in self._networks)
            or _is_public(parsed)
        ):
            return
        raise _not_public(host)

    async def check(self, url: str, resolver: AbstractResolver) -> None:
        """Resolve the URL's host and check every address. Raises ``AddressRefused``.

        A name that does not resolve gets the sentence of one that leads inside, or the answers
        would tell a stranger which internal names exist.
        """
        parsed = self.check_url(url)
        host = parsed.raw_host or ""
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                found = await resolver.resolve(host, parsed.port or 0, socket.AF_UNSPEC)
        except (OSError, TimeoutError):
            raise _not_public(host) from None
        for one in found:
            self.check_address(host, one["host"])

    def connector(self, host: str, resolver: AbstractResolver) -> aiohttp.TCPConnector:
        """For one request to ``host``: makes a socket only for an address that may be called."""
        return aiohttp.TCPConnector(
            resolver=resolver,
            use_dns_cache=False,
            force_close=True,
            socket_factory=self._checked_socket(host),
        )

    def _checked_socket(self, host: str) -> Callable[[Any], socket.socket]:
        def make(info: Any) -> socket.socket:
            family, kind, protocol, _, address = info
            self.check_address(host, address[0])
            return socket.socket(family, kind, protocol)

        return make


class HostLookup(AbstractResolver):
    """Names to addresses in threads of its own.

    The event loop's few threads for lookups also serve the predictors' names: strangers' slow
    name servers must not occupy those.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="callback-lookup")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """All addresses of the host. Raises ``OSError`` where there is none."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, _look_up, host, port, family
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=family_found,
                proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for family_found, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Let the threads end with the lookups they are in."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int, family: int) -> list[Any]:
    try:
        return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    except UnicodeError:  # a label that is empty or too long fails before it is asked for
        raise OSError(f"{host[:64]!r} is no host name") from None


def _is_public(address: Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not any(address in network for network in _NEVER)
    )


def _not_public(host: str) -> AddressRefused:
    return AddressRefused(
        f"its host {host[:64]!r} has no public address, and callback_allow does not name it"
    )


def _canonical(host: str) -> str:
    return host.lower().rstrip(".")


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ValueError(f"{text!r} is no port")
    return int(text)

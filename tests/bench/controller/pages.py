"""All pods' pages from one process: each pod has an address of its own on the loopback."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.bench.controller.page import own_page, proxy_page
from tests.bench.controller.traffic import Traffic
from trellis.rollout.metrics.page import OWN_PORT
from trellis.rollout.metrics.scrape import PROXY_PORT

#: A quarter of the loopback's addresses that the tests leave alone.
_FIRST, _LAST = 241, 254


@dataclass
class PodPage:
    """What is told at one address; ``shown`` are the errors on the proxy's page whenever one was asked
    for, from when ``watched`` on, by the monotonic clock.
    """

    host: str
    revision: str
    version: str
    traffic: Traffic
    watched: bool = False
    shown: list[tuple[float, int]] = field(default_factory=list)

    def answer(self, port: int, path: str) -> bytes:
        """A page, or what a predictor says of its model."""
        now = time.monotonic()
        counted = self.traffic.counted(now)
        if port == PROXY_PORT:
            if self.watched:
                self.shown.append((now, counted.get("500", 0)))
            return proxy_page(self.host, counted)
        if path == "/metrics":
            return own_page(self.revision, sum(counted.values()))
        fingerprint = f"{self.version}-of-{self.host}"
        said = {"version": self.version, "revision": self.revision, "fingerprint": fingerprint}
        return json.dumps(said).encode()


class PodPages:
    """``asked`` counts the pages given."""

    def __init__(self) -> None:
        self.pods: dict[str, PodPage] = {}
        self.asked = 0
        self._free = _addresses()
        self._servers: list[asyncio.Server] = []

    async def start(self, host: str, revision: str, version: str) -> str:
        """The address of a new pod, which has no traffic yet."""
        address = next(self._free)
        self.pods[address] = PodPage(host, revision, version, Traffic(time.monotonic()))
        loop = asyncio.get_running_loop()
        for port in (PROXY_PORT, OWN_PORT):
            self._servers.append(await loop.create_server(lambda: _Connection(self), address, port))
        return address

    def close(self) -> None:
        """Listen no more."""
        for server in self._servers:
            server.close()


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with GETs alone, one after another, as an aiohttp client sends them."""

    def __init__(self, pages: PodPages) -> None:
        self._pages = pages
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._address, self._port = transport.get_extra_info("sockname")

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            body = self._pages.pods[self._address].answer(self._port, path)
            self._pages.asked += 1
            head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n"
            self._transport.write(head % len(body) + body)


def _addresses() -> Iterator[str]:
    for second in range(_FIRST, _LAST + 1):
        for third in range(1, 255):
            for last in range(1, 255):
                yield f"127.{second}.{third}.{last}"

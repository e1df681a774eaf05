"""Requests through the ingress: at a constant rate until told to stop, or a number of them at once.

Each answer is counted by the version and the revision that gave it; anything but 200 is a failure.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

import aiohttp

from tests.integration.beside import AsyncBeside

#: A request without an answer by then has failed.
PATIENCE = 30.0


@dataclass(frozen=True)
class Request:
    """One request, sent again and again; ``host`` is whom the ingress is asked for."""

    port: int
    host: str
    path: str
    body: bytes
    content_type: str = "application/json"

    def to(self, host: str) -> "Request":
        """The same request to another host."""
        return Request(self.port, host, self.path, self.body, self.content_type)


@dataclass
class Tally:
    """What came back. ``longest`` is the longest time to an answer, in seconds."""

    versions: Counter[str] = field(default_factory=Counter)
    revisions: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    longest: float = 0.0

    @property
    def answered(self) -> int:
        """Requests that were answered by a version."""
        return self.versions.total()

    def since(self, earlier: "Tally") -> Counter[str]:
        """Answers by version that are not in an earlier copy."""
        return self.versions - earlier.versions

    def copy(self) -> "Tally":
        """As it is now."""
        return Tally(
            self.versions.copy(), self.revisions.copy(), self.failures.copy(), self.longest
        )


class Load(AsyncBeside):
    """A context that sends ``rate`` requests a second while it is open.

    Open loop: a slow answer keeps no other request from being sent. Requests take a connection
    that is free, as clients with a pool do.
    """

    def __init__(self, request: Request, rate: float) -> None:
        self.tally = Tally()
        self._request, self._gap = request, 1 / rate

    async def _send(self) -> None:
        begin, number = time.monotonic(), 0
        async with _session() as session, asyncio.TaskGroup() as group:
            while not self._stop.is_set():
                group.create_task(_send(session, self._request, self.tally, begin))
                number += 1
                await asyncio.sleep(max(0.0, begin + number * self._gap - time.monotonic()))


def send(request: Request, count: int, connections: int = 8) -> Tally:
    """The tally of ``count`` requests, sent one after the other over each of some connections."""

    async def run() -> Tally:
        tally, begin, left = Tally(), time.monotonic(), iter(range(count))

        async def one_after_the_other() -> None:
            for _ in left:
                await _send(session, request, tally, begin)

        async with _session() as session, asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(one_after_the_other())
        return tally

    return asyncio.run(run())


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=PATIENCE),
        auto_decompress=False,
    )


async def _send(
    session: aiohttp.ClientSession, request: Request, tally: Tally, begin: float
) -> None:
    url = f"http://127.0.0.1:{request.port}{request.path}"
    headers = {"host": request.host, "content-type": request.content_type}
    sent = time.monotonic()
    try:
        async with session.post(url, data=request.body, headers=headers) as answer:
            content = await answer.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        tally.failures.append(f"{sent - begin:.2f} s: {error!r}")
        return
    tally.longest = max(tally.longest, time.monotonic() - sent)
    version = answer.headers.get("x-model-version")
    if answer.status != 200 or version is None:
        tally.failures.append(f"{sent - begin:.2f} s: {answer.status} {content[:200]!r}")
        return
    tally.versions[version] += 1
    tally.revisions[answer.headers["x-model-revision"]] += 1

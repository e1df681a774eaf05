"""What the generators share: connections that send, wait for the answer, and send again."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import uvloop

from tests.bench.timing import percentiles


@dataclass
class Tally:
    """Latencies in seconds of answers that were right, and how many were not, until ``end``."""

    end: float
    latencies: list[float] = field(default_factory=list)
    failed: int = 0


class Connection(asyncio.Protocol):
    """One connection; a subclass writes a request and says when its answer is whole."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.transport: asyncio.Transport
        self.began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start with the first request."""
        # uvloop's transports derive from none of asyncio's classes.
        self.transport = cast(asyncio.Transport, transport)
        self.greet()
        self.again()

    def greet(self) -> None:
        """What goes before the first request."""

    def ask(self) -> None:
        """Write one request."""
        raise NotImplementedError

    def again(self) -> None:
        """The next request."""
        self.began = time.perf_counter()
        self.ask()

    def answered(self, *, right: bool) -> None:
        """The answer is whole; ask again while there is time."""
        now = time.perf_counter()
        if now > self.tally.end:
            self.transport.close()
            return
        if right:
            self.tally.latencies.append(now - self.began)
        else:
            self.tally.failed += 1
        self.again()


async def _drive(
    make: Callable[[Tally], Connection], port: int, connections: int, seconds: float
) -> Tally:
    tally = Tally(time.perf_counter() + seconds)
    loop = asyncio.get_running_loop()
    opened = [
        (await loop.create_connection(lambda: make(tally), "127.0.0.1", port))[0]
        for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    for transport in opened:
        transport.abort()
    return tally


def run(
    make: Callable[[Tally], Connection], port: int, connections: int, seconds: float
) -> dict[str, float]:
    """Load the port for ``seconds``; returns requests, seconds, failed and percentiles in ms."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        tally = runner.run(_drive(make, port, connections, seconds))
    return {
        "requests": len(tally.latencies),
        "seconds": seconds,
        "failed": tally.failed,
        **percentiles(tally.latencies or [seconds]),
    }

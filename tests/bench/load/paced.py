"""Load at a steady rate, whatever the server does: what callers who do not wait for each other see.

Run as ``python -m tests.bench.load.paced PORT CONNECTIONS SECONDS RATE REQUEST``; REQUEST is a file
that holds the whole request. A latency begins when its request was due, so a server that stalls
is charged for all whom it kept waiting. Prints a JSON line.
"""

import asyncio
import json
import sys
import time
from collections import deque
from pathlib import Path

import uvloop

from tests.bench.load.closed_loop import Tally
from tests.bench.load.http1 import HttpConnection
from tests.bench.timing import percentiles


class PacedConnection(HttpConnection):
    """Sends when told to; hands itself back when its answer is whole."""

    def __init__(self, tally: Tally, request: bytes, free: "deque[PacedConnection]") -> None:
        super().__init__(tally, request)
        self._free = free

    def again(self) -> None:
        """Wait to be told."""
        self._free.append(self)

    def send(self, due: float) -> None:
        """One request that was due at ``due``."""
        self.began = due
        self.ask()


async def paced(
    port: int, connections: int, seconds: float, rate: float, request: bytes
) -> dict[str, float]:
    """Requests, seconds, failed and percentiles in ms."""
    tally = Tally(time.perf_counter() + seconds + 60)
    free: deque[PacedConnection] = deque()
    loop = asyncio.get_running_loop()
    opened = [
        (
            await loop.create_connection(
                lambda: PacedConnection(tally, request, free), "127.0.0.1", port
            )
        )[0]
        for _ in range(connections)
    ]
    began = time.perf_counter()
    sent, wanted = 0, int(rate * seconds)
    while sent < wanted:
        due = began + sent / rate
        now = time.perf_counter()
        if due > now:
            await asyncio.sleep(due - now)
        elif free:
            free.popleft().send(due)
            sent += 1
        else:
            await asyncio.sleep(0.0002)
    while len(free) < connections:  # noqa: ASYNC110 - the last answers come to no single place
        await asyncio.sleep(0.001)
    for transport in opened:
        transport.abort()
    return {
        "requests": len(tally.latencies),
        "seconds": seconds,
        "failed": tally.failed,
        **percentiles(tally.latencies or [seconds]),
    }


if __name__ == "__main__":
    port, connections, seconds, rate, file = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(
            paced(int(port), int(connections), float(seconds), float(rate), Path(file).read_bytes())
        )
    print(json.dumps(figures))

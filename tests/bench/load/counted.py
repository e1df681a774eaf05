"""A number of requests, as fast as their answers come.

Run as ``python -m tests.bench.load.counted PORT CONNECTIONS NUMBER REQUEST``; REQUEST is a file that
holds the whole request. Ends with status 1 where an answer was none of 2xx.
"""

import asyncio
import sys
import time
from pathlib import Path

import uvloop

from tests.bench.load.closed_loop import Tally
from tests.bench.load.http1 import HttpConnection


class CountedConnection(HttpConnection):
    """Asks until ``left`` is used up, then says so."""

    def __init__(
        self, tally: Tally, request: bytes, left: list[None], idle: asyncio.Queue[None]
    ) -> None:
        super().__init__(tally, request)
        self._left = left
        self._idle = idle

    def again(self) -> None:
        """The next request, if there is one."""
        if self._left:
            self._left.pop()
            super().again()
        else:
            self._idle.put_nowait(None)


async def send(port: int, connections: int, number: int, request: bytes) -> int:
    """How many answers were wrong."""
    tally = Tally(time.perf_counter() + 600)
    left: list[None] = [None] * number
    idle: asyncio.Queue[None] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    opened = [
        (
            await loop.create_connection(
                lambda: CountedConnection(tally, request, left, idle), "127.0.0.1", port
            )
        )[0]
        for _ in range(connections)
    ]
    for _ in range(connections):
        await idle.get()
    for transport in opened:
        transport.abort()
    return tally.failed


if __name__ == "__main__":
    port, connections, number, file = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        failed = runner.run(send(int(port), int(connections), int(number), Path(file).read_bytes()))
    if failed:
        sys.exit(f"{failed} of {number} answers were wrong")

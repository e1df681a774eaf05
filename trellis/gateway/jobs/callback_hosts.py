"""Keeps one host that is slow or dead from holding up the callbacks of all others."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from trellis.web.pauses import Pauses

#: Attempts at once to one host, and attempts that it may have here, those that wait included.
AT_ONCE = 16
HELD = 32
#: Hosts that are remembered for having failed; beyond, all are forgotten and get a new chance.
REMEMBERED = 10_000
#: Seconds that a callback is put off at most.
LONGEST_PUT_OFF = 60.0
_PUT_OFF = Pauses(first=2.0, longest=LONGEST_PUT_OFF)


class CallbackHosts:
    """Counts by host what is held and what failed last."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._failures: Counter[str] = Counter()

    def put_off(self, host: str) -> float | None:
        """None where the host takes one more, else seconds until it is worth asking again."""
        if self._held[host] < HELD:
            return None
        return _PUT_OFF.after(1 + self._failures[host])

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait for one of the host's turns and hold it."""
        self._held[host] += 1
        turns = self._turns.setdefault(host, asyncio.Semaphore(AT_ONCE))
        try:
            async with turns:
                yield
        finally:
            self._held[host] -= 1
            if not self._held[host]:
                del self._held[host], self._turns[host]

    def learn(self, host: str, *, failed: bool) -> None:
        """What the last attempt came to."""
        if not failed:
            del self._failures[host]
        else:
            if len(self._failures) >= REMEMBERED:
                self._failures.clear()
            self._failures[host] += 1

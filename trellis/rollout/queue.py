"""Keys that wait for a pass: each at most once, at its time, never two passes of one at once."""

import asyncio
import heapq
import itertools
from typing import Generic, TypeVar

K = TypeVar("K")


class PassQueue(Generic[K]):
    """Times are those of the event loop. One that is added twice is due at the earlier time."""

    def __init__(self) -> None:
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._numbers = itertools.count()
        self._running: set[K] = set()
        self._changed = asyncio.Event()

    def add(self, key: K, after: float = 0.0) -> None:
        """A pass of ``key`` is due in ``after`` seconds, or earlier where it was due earlier."""
        at = asyncio.get_running_loop().time() + after
        if at < self._due.get(key, float("inf")):
            self._due[key] = at
            heapq.heappush(self._heap, (at, next(self._numbers), key))
            self._changed.set()

    def forget(self, key: K) -> None:
        """No pass of it is due."""
        self._due.pop(key, None)

    async def get(self) -> K:
        """The next one that is due and not in a pass now; ``done`` ends its pass."""
        while True:
            self._changed.clear()
            wait = self._wait()
            if wait is not None and wait <= 0:
                key = heapq.heappop(self._heap)[2]
                del self._due[key]
                self._running.add(key)
                return key
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def done(self, key: K) -> None:
        """The pass of ``key`` has ended."""
        self._running.discard(key)
        if key in self._due:  # it was passed over meanwhile
            heapq.heappush(self._heap, (self._due[key], next(self._numbers), key))
            self._changed.set()

    def _wait(self) -> float | None:
        """Seconds until the heap's first is due; None where there is none."""
        while self._heap:
            at, _, key = self._heap[0]
            if self._due.get(key) == at and key not in self._running:
                return at - asyncio.get_running_loop().time()
            heapq.heappop(self._heap)
        return None

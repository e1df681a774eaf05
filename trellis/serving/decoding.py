"""Threads that decode requests, and hand what they have decoded back to the loop in groups.

An executor wakes the event loop for each result. While more is waiting to be decoded the loop
has better things to do: on one core each wake-up takes the core from the decoder twice.
"""

import asyncio
import contextlib
import queue
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from trellis.serving.thread_calls import ThreadCall, in_daemon_thread

Decoded = TypeVar("Decoded")

#: Seconds after which a decoded request is handed back although others still wait.
_TOGETHER = 0.01


class DecodeThreads:
    """``threads`` threads; use from one event loop only, from its start until ``close``."""

    def __init__(self, threads: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._inbox: queue.SimpleQueue[ThreadCall[Any] | None] = queue.SimpleQueue()
        self._done: deque[ThreadCall[Any]] = deque()
        self._announced = False
        self._undelivered = 0
        self._timer: asyncio.TimerHandle | None = None
        self._threads = [
            in_daemon_thread(self._work, f"decode-{number}") for number in range(threads)
        ]

    def submit(self, call: Callable[[], Decoded]) -> asyncio.Future[Decoded]:
        """A future of what ``call`` returns or raises in a thread; cancelled in time, it is not called."""
        job = ThreadCall("decoding", call, self._loop.create_future())
        self._inbox.put(job)
        self._undelivered += 1
        if self._timer is None:
            self._timer = self._loop.call_later(_TOGETHER, self._look)
        return job.future

    def close(self) -> None:
        """Let the threads end; what still waits is not decoded."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._inbox.get_nowait()
                self._undelivered -= 1
        for _ in self._threads:
            self._inbox.put(None)

    def _work(self) -> None:
        handed = 0.0
        while (job := self._inbox.get()) is not None:
            job.run()
            self._done.append(job)
            now = time.perf_counter()
            if self._inbox.empty() or now - handed > _TOGETHER:
                handed = now
                # Read after the append: whoever clears it sees the job.
                if not self._announced:
                    self._announced = True
                    try:
                        self._loop.call_soon_threadsafe(self._deliver)
                    except RuntimeError:  # the loop has closed: nobody waits any more
                        return

    def _look(self) -> None:
        """Deliver what a thread did not announce, thinking the next decoding would be short."""
        self._deliver()
        again = self._undelivered > 0
        self._timer = self._loop.call_later(_TOGETHER, self._look) if again else None

    def _deliver(self) -> None:
        self._announced = False
        while self._done:
            job = self._done.popleft()
            self._undelivered -= 1
            job.settle()

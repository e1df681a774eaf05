"""Threads that decode requests, and hand what they have decoded back to the loop in groups.

An executor wakes the event loop for each result. While more is waiting to be decoded the loop
has better things to do: on one core each wake-up takes the core from the decoder twice.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Decoded = TypeVar("Decoded")

#: Seconds after which a decoded request is handed back although others still wait.
_TOGETHER = 0.01


@dataclass(slots=True, eq=False)
class _Job(Generic[Decoded]):
    call: Callable[[], Decoded]
    future: asyncio.Future[Decoded]
    result: Decoded | None = None
    error: Exception | None = None


class DecodeThreads:
    """``threads`` threads; use from one event loop only, from its start until ``close``."""

    def __init__(self, threads: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._inbox: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._done: deque[_Job[Any]] = deque()
        self._announced = False
        self._undelivered = 0
        self._timer: asyncio.TimerHandle | None = None
        self._threads = [
            threading.Thread(target=self._work, name=f"decode-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, call: Callable[[], Decoded]) -> asyncio.Future[Decoded]:
        """A future of what ``call`` returns or raises in a thread; cancelled in time, it is not called."""
        job = _Job(call, self._loop.create_future())
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
            if not job.future.cancelled():
                _run(job)
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
            if job.future.done():
                continue
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)


def _run(job: _Job[Any]) -> None:
    try:
        job.result = job.call()
    except StopIteration as error:  # no future takes it
        job.error = _wrapped(error)
    except Exception as error:  # noqa: BLE001 - raised where the request waits
        job.error = error
    except BaseException as error:  # noqa: BLE001 - a decoder's ``sys.exit`` ends neither thread nor loop
        job.error = _wrapped(error)


def _wrapped(error: BaseException) -> RuntimeError:
    wrapped = RuntimeError(f"decoding raised {type(error).__name__}")
    wrapped.__cause__ = error
    return wrapped

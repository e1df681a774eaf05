"""How many callers may wait for a job's end at once, and that none of them outlasts a drain."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from trellis.telemetry.metrics import GatewayMetrics

#: Beyond, a caller is answered at once, as one that did not ask to wait.
AT_ONCE = 10_000


class LongPolls:
    """The waiting callers of one process."""

    def __init__(self, metrics: GatewayMetrics) -> None:
        self._counted = metrics.job_waiters
        self._waiting: set[asyncio.Timeout] = set()
        self._ended = False

    @property
    def welcome(self) -> bool:
        """Whether one more may wait."""
        return not self._ended and len(self._waiting) < AT_ONCE

    def end(self) -> None:
        """The process drains: everybody who waits is answered now."""
        self._ended = True
        for waiting in self._waiting:
            if not waiting.expired():
                waiting.reschedule(0)

    @contextmanager
    def joined(self, waiting: asyncio.Timeout) -> Iterator[None]:
        """Within an ``asyncio.timeout`` that ends early when the process drains."""
        self._waiting.add(waiting)
        self._counted.inc()
        try:
            yield
        finally:
            self._waiting.discard(waiting)
            self._counted.dec()

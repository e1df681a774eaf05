"""Exposures from the hot path to the store: held for a moment, written in batches, never in the way.

While the store is away they wait, up to a bound; what is lost beyond is counted by experiment, and
the counts reach the store with the next batch. A process killed outright loses what it held, a
tenth of a second's worth while the store answers.
"""

import asyncio
import itertools
import random
import uuid
from collections import Counter as Counts
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from prometheus_client import Counter

from trellis.contracts.events import Exposure
from trellis.gateway.errors import EventsDown
from trellis.gateway.events.batch import Batch, dropped_field, write_batch
from trellis.gateway.events.store import EventStore
from trellis.gateway.metering import KEPT_SECONDS
from trellis.telemetry.logs import get_logger
from trellis.telemetry.metrics import GatewayMetrics

#: Seconds in which a batch gathers, and the most exposures of one: making it takes the event loop
#: a millisecond, in which no request goes on.
GATHER_SECONDS = 0.05
BATCH_LENGTH = 64
#: Seconds between two attempts while the store is away: the first, and the longest.
BACKOFF_SECONDS = (0.2, 5.0)
#: Seconds that the end of the process waits for the last batches.
LAST_SECONDS = 5.0


class _Pending(NamedTuple):
    """A batch on its way: sent again under the same number until the store has answered."""

    number: int
    batch: Batch
    length: int


@dataclass
class _Series:
    """The count of one experiment's arm, and the time of its last exposure."""

    counter: Counter
    last: float


class ExposureLog:
    """``store`` is None where no durable Redis is set: exposures are then only counted.

    ``window`` gives a model's attribution window in seconds; ``capacity`` bounds what is held.
    """

    def __init__(
        self,
        store: EventStore | None,
        window: Callable[[str], float],
        metrics: GatewayMetrics,
        capacity: int,
    ) -> None:
        self._store = store
        self._window = window
        self._metrics = metrics
        self._capacity = capacity
        self._series: dict[tuple[str, str], _Series] = {}
        self._queue: deque[Exposure] = deque()
        self._taken = self._done = 0  # exposures, since the beginning
        self._dropped: Counts[str] = Counts()
        self._pending: _Pending | None = None
        self._writer = uuid.uuid4().hex
        self._numbers = itertools.count()
        self._some = asyncio.Event()
        self._writing = asyncio.Lock()
        self._failing = False

    @property
    def held(self) -> int:
        """How many exposures are not stored yet."""
        return self._taken - self._done

    def met(self, exposure: Exposure) -> None:
        """Take one exposure. Never waits and never fails."""
        self._count(exposure)
        if self._store is None:
            self._metrics.events_dropped.labels("no_redis").inc()
        elif self.held >= self._capacity:
            self._metrics.events_dropped.labels("buffer").inc()
            self._dropped[dropped_field(exposure)] += 1
        else:
            self._queue.append(exposure)
            self._taken += 1
            self._some.set()

    def _count(self, exposure: Exposure) -> None:
        who = (exposure.experiment or "", exposure.arm)
        series = self._series.get(who)
        if series is None:
            # Each rollout brings new arms: that is when those of the last one go.
            for old, known in list(self._series.items()):
                if exposure.time - known.last > KEPT_SECONDS:
                    del self._series[old]
                    self._metrics.exposures.remove(*old)
            counter = self._metrics.exposures.labels(*who)
            series = self._series[who] = _Series(counter, exposure.time)
        series.counter.inc()
        series.last = exposure.time

    async def run(self) -> None:
        """Write what comes until cancelled, and then what is held, for a few seconds at most."""
        try:
            await self._write_as_it_comes()
        finally:
            await self._write_the_rest()

    async def flush(self) -> None:
        """Write all that is held now, and not what comes meanwhile. Raises ``EventsDown``."""
        if self._store is None:
            return
        last = self._taken
        async with self._writing:
            while self._done < last:
                await self._write_one(self._store)
            if self._dropped or self._pending:
                await self._write_one(self._store)

    async def _write_as_it_comes(self) -> None:
        pause = BACKOFF_SECONDS[0]
        while True:
            await self._some.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._some.clear()
            try:
                await self.flush()
            except EventsDown as error:
                self._some.set()
                if not self._failing:
                    get_logger().warning("exposures cannot be stored", problem=str(error.__cause__))
                self._failing = True
                await asyncio.sleep(pause * random.uniform(0.5, 1))
                pause = min(pause * 2, BACKOFF_SECONDS[1])
            else:
                if self._failing:
                    get_logger().info("exposures can be stored again")
                self._failing, pause = False, BACKOFF_SECONDS[0]

    async def _write_the_rest(self) -> None:
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await self.flush()
                while self.held:
                    await self.flush()
        except (EventsDown, TimeoutError):
            lost = self.held
            self._metrics.events_dropped.labels("ended").inc(lost)
            get_logger().error("exposures are lost with the process", exposures=lost)

    async def _write_one(self, store: EventStore) -> None:
        """One batch, the one that failed before first; it stays pending where it fails again."""
        pending = self._pending or self._next(store)
        if pending is None:
            return
        self._pending = pending
        fate = await store.write(self._writer, pending.number, pending.batch)
        self._pending = None
        self._done += pending.length
        if fate in {"dropped", "unjoined"}:  # the store has counted them by experiment
            self._metrics.events_dropped.labels(fate).inc(pending.length)

    def _next(self, store: EventStore) -> _Pending | None:
        """A batch of what is held; None where one could not be made, so that its exposures are lost."""
        exposures = list(islice(self._queue, BATCH_LENGTH))
        try:
            batch = write_batch(exposures, self._dropped, self._window, store.keys)
        except Exception as error:  # noqa: BLE001 - whatever it is, those that come after are to be written
            for exposure in exposures:
                self._dropped[dropped_field(exposure)] += 1
            self._metrics.events_dropped.labels("unwritable").inc(len(exposures))
            self._done += len(exposures)
            get_logger().error("exposures cannot be written", exc_info=error)
            made = None
        else:
            self._dropped = Counts()
            made = _Pending(next(self._numbers), batch, len(exposures))
        for _ in exposures:
            self._queue.popleft()
        return made

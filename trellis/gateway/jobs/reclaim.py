"""Takes jobs over from workers that give no sign of life.

A job is taken where this process has seen the same lease, not renewed once, for its whole length
by its own monotonic clock. Redis's own idle times are not asked: they would jump with its wall
clock, and a job might run twice at once.
"""

import asyncio
from typing import NamedTuple

from redis.asyncio import Redis

from trellis.gateway.errors import JobsDown
from trellis.gateway.jobs.keys import JobKeys
from trellis.gateway.jobs.lease import Leases
from trellis.gateway.jobs.pipe import Pipe
from trellis.gateway.jobs.queue import Rules
from trellis.gateway.jobs.worker_scripts import OBSERVE, TAKE
from trellis.telemetry.logs import get_logger
from trellis.telemetry.metrics import GatewayMetrics

#: Entries told at once.
PAGE = 500


class Sign(NamedTuple):
    """What changes about a taken job while its worker lives."""

    consumer: bytes
    deliveries: int
    token: bytes
    beat: bytes


class _Seen(NamedTuple):
    sign: Sign
    since: float


class Reclaimer:
    """Looks at every taken job three times a lease; ``seconds`` is the lease."""

    def __init__(
        self,
        redis: Redis,
        keys: JobKeys,
        rules: Rules,
        seconds: float,
        leases: Leases,
        metrics: GatewayMetrics,
    ) -> None:
        self._pipe = Pipe(redis, keys.all)
        self._rules = rules
        self._seconds = seconds
        self._leases = leases
        self._metrics = metrics
        self._seen: dict[bytes, _Seen] = {}

    async def run(self) -> None:
        """Reclaim until cancelled. Time in which Redis does not answer counts for no one."""
        while True:
            try:
                await self.look()
            except JobsDown:
                # Nobody could renew meanwhile; who has an answer gets a lease's time to tell it.
                self._seen = {}
            await asyncio.sleep(self._seconds / 3)

    async def look(self) -> None:
        """Look once, and take what has been without a sign of life for a lease. Raises ``JobsDown``."""
        seen: dict[bytes, _Seen] = {}
        start = b"-"
        while True:
            page = await self._pipe.run(OBSERVE, start, PAGE)
            now = asyncio.get_running_loop().time()
            for entry, consumer, deliveries, name, token, beat in page:
                if self._leases.holds(name.decode()):
                    continue
                sign = Sign(consumer, deliveries, token, beat)
                before = self._seen.get(entry)
                if before is None or before.sign != sign:
                    seen[entry] = _Seen(sign, now)
                elif now - before.since < self._seconds:
                    seen[entry] = before
                else:
                    await self._take(entry, name, sign)
            if len(page) < PAGE:
                break
            start = b"(" + page[-1][0]
        self._seen = seen

    async def settle(self) -> None:
        """Wait until all that was sent is answered; see ``Pipe.settle``."""
        await self._pipe.settle()

    async def _take(self, entry: bytes, name: bytes, sign: Sign) -> None:
        what: bytes = await self._pipe.run(
            TAKE,
            entry,
            name,
            sign.token,
            sign.beat,
            self._rules.attempts,
            self._rules.dead_seconds,
            f"{self._rules.attempts} attempts ended with the worker's own end",
        )
        if what in {b"queued", b"dead"}:
            self._metrics.jobs_reclaimed.inc()
            get_logger().warning(
                "job taken from a silent worker",
                job=name.decode(),
                worker=sign.consumer.decode(),
                now=what.decode(),
            )
            if what == b"dead":
                self._metrics.jobs.labels("dead").inc()

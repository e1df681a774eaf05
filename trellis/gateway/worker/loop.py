"""The worker's tasks in their groups: readers and jobs inside, what keeps jobs alive around them."""

import asyncio

from redis.asyncio import Redis

from trellis.gateway.background import Background
from trellis.gateway.errors import JobsDown
from trellis.gateway.jobs.keys import JobKeys
from trellis.gateway.jobs.lease import Leases
from trellis.gateway.jobs.notices import Notices
from trellis.gateway.jobs.queue import Entry, JobQueue
from trellis.gateway.jobs.reclaim import Reclaimer
from trellis.gateway.worker.attempt import Attempts
from trellis.gateway.worker.reading import Reading
from trellis.telemetry.logs import get_logger

#: Seconds that jobs given back at the end get to say so.
LAST_SECONDS = 5.0


class Worker:
    """``concurrency`` jobs at once; ``grace`` seconds for those that run when it ends."""

    def __init__(
        self,
        redis: Redis,
        keys: JobKeys,
        queue: JobQueue,
        reading: Reading,
        attempts: Attempts,
        leases: Leases,
        reclaimer: Reclaimer,
        consumer: str,
        concurrency: int,
        grace: float,
    ) -> None:
        self._queue = queue
        self._reading = reading
        self._attempts = attempts
        self._leases = leases
        self._reclaimer = reclaimer
        self._cancellations = Notices(redis, keys.cancelled, leases.cancelled, _nothing)
        self._consumer = consumer
        self._slots = asyncio.Semaphore(concurrency)
        self._grace = grace

    async def run(self, stop: asyncio.Event) -> None:
        """Run jobs until ``stop``; then finish those that can within the grace period and give
        the rest back. Leases are renewed until the last one has ended.
        """
        async with Background() as beside, asyncio.TaskGroup() as jobs:
            beside.start("lease renewal", self._leases.renew)
            beside.start("lease watch", self._leases.watch)
            beside.start("reclaiming", self._reclaimer.run)
            beside.start("cancellations", self._cancellations.run)
            running: set[asyncio.Task[None]] = set()
            async for entry in self._reading.entries(self._slots, stop):
                task = jobs.create_task(self._job(entry))
                running.add(task)
                task.add_done_callback(running.discard)
            await self._drain(running)
        try:
            await self._queue.forget(self._consumer)
        except JobsDown:
            get_logger().warning("worker could not leave its group", worker=self._consumer)

    async def _job(self, entry: Entry) -> None:
        try:
            await self._attempts.run(entry)
        except Exception as error:  # noqa: BLE001 - one job's fault must not end the others; its lease runs out
            get_logger().error("job failed", job=entry.name, exc_info=error)
        finally:
            self._slots.release()

    async def _drain(self, running: set[asyncio.Task[None]]) -> None:
        if not running:
            return
        get_logger().info("worker drains", running=len(running))
        _, late = await asyncio.wait(set(running), timeout=self._grace)
        if not late:
            return
        get_logger().warning("jobs given back", count=len(late))
        self._leases.drain()
        _, deaf = await asyncio.wait(late, timeout=LAST_SECONDS)
        for task in deaf:
            task.cancel()


def _nothing() -> None:
    """A cancellation that was missed is noticed by the next renewal."""

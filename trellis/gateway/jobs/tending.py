"""What every process with the jobs' Redis does for all: delayed jobs are moved, what is done is
trimmed, the backlog is told.

Gateways do it too: with all workers scaled away, a retry that is due must show up in the stream,
for that is what starts a worker.
"""

import asyncio

from trellis.gateway.errors import JobsDown
from trellis.gateway.jobs.queue import JobQueue
from trellis.gateway.jobs.store import JobStore

#: Seconds between two looks: how late a retry may be.
TEND_SECONDS = 0.5


class Tending:
    """Tends one store."""

    def __init__(self, queue: JobQueue, store: JobStore) -> None:
        self._queue = queue
        self._store = store

    async def run(self) -> None:
        """Tend until cancelled; a Redis that does not answer is asked again."""
        while True:
            try:
                await self._queue.move_due()
                await self._queue.trim()
                await self._store.backlog()
            except JobsDown:
                pass  # the pipe has logged it
            await asyncio.sleep(TEND_SECONDS)

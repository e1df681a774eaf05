"""Reads jobs from the stream, never more than can be run at once."""

import asyncio
from collections.abc import AsyncIterator

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from trellis.gateway.jobs.keys import GROUP, JobKeys
from trellis.gateway.jobs.queue import Entry, JobQueue
from trellis.telemetry.logs import get_logger

#: Seconds that one read waits for a job: how long a worker that ends goes on reading.
BLOCK_SECONDS = 1.0
AGAIN_SECONDS = (0.1, 2.0)


class Reading:
    """``redis`` has a connection for reads that block; ``consumer`` is this worker's name."""

    def __init__(self, redis: Redis, keys: JobKeys, queue: JobQueue, consumer: str) -> None:
        self._redis = redis
        self._stream = keys.stream
        self._queue = queue
        self._consumer = consumer
        #: Whether the last read was answered.
        self.connected = False

    async def entries(self, slots: asyncio.Semaphore, stop: asyncio.Event) -> AsyncIterator[Entry]:
        """Entries that are this worker's to run, each with a slot acquired, until ``stop``.

        A read that is under way then is waited for: what it brings is to be run too.
        """
        pause = AGAIN_SECONDS[0]
        while True:
            taken = await _acquire(slots, stop)
            if not taken:
                return
            entries: list[Entry] = []
            if not stop.is_set():
                try:
                    entries = await self._read(taken)
                    self.connected, pause = True, AGAIN_SECONDS[0]
                except Exception as error:  # noqa: BLE001 - whatever it is, the worker reads on
                    if self.connected:
                        get_logger().warning(
                            "jobs cannot be read", problem=f"{type(error).__name__}: {error}"[:300]
                        )
                    self.connected = False
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, AGAIN_SECONDS[1])
            for _ in range(taken - len(entries)):
                slots.release()
            for entry in entries:
                yield entry
            if stop.is_set():
                return

    async def _read(self, count: int) -> list[Entry]:
        words = ("XREADGROUP", "GROUP", GROUP, self._consumer, "COUNT", count)
        block = ("BLOCK", round(BLOCK_SECONDS * 1000), "STREAMS", self._stream, ">")
        try:
            answer = await self._redis.execute_command(*words, *block)  # type: ignore[no-untyped-call]  # the client's own
        except ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            await self._queue.open()
            return []
        return [
            Entry(entry.decode(), fields[b"job"].decode())
            for _, entries in answer or ()
            for entry, fields in entries
        ]


async def _acquire(slots: asyncio.Semaphore, stop: asyncio.Event) -> int:
    """Take every free slot, at least one; returns how many, 0 where ``stop`` came first."""
    if slots.locked():
        getting = asyncio.create_task(slots.acquire())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({getting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not getting.done():
            getting.cancel()
            return 0
    else:
        await slots.acquire()
    taken = 1
    while not slots.locked():
        await slots.acquire()
        taken += 1
    return taken

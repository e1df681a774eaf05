"""Wakes whoever waits for a job: one connection a process, however many wait."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from redis.asyncio import Redis

from trellis.gateway.jobs.keys import JobKeys
from trellis.gateway.jobs.notices import Notices


class Waiting:
    """Events by a job's name; ``run`` is the process's one reader."""

    def __init__(self, redis: Redis, keys: JobKeys) -> None:
        self._events: dict[str, set[asyncio.Event]] = {}
        self._wanted = asyncio.Event()
        self._notices = Notices(redis, keys.finished, self._finished, self._missed)

    async def run(self) -> None:
        """Hear of finished jobs until cancelled, from the first waiter on."""
        await self._wanted.wait()
        await self._notices.run()

    @contextmanager
    def of(self, name: str) -> Iterator[asyncio.Event]:
        """An event that is set when the job may be final; its waiter clears it and looks."""
        event = asyncio.Event()
        self._wanted.set()
        waiters = self._events.setdefault(name, set())
        waiters.add(event)
        try:
            yield event
        finally:
            waiters.discard(event)
            if not waiters:
                self._events.pop(name, None)

    def _finished(self, name: str) -> None:
        for event in self._events.get(name, ()):
            event.set()

    def _missed(self) -> None:
        for waiters in self._events.values():
            for event in waiters:
                event.set()

"""The leases that one worker holds: renewed at a third, given up when a renewal is late.

No clock but this process's monotonic one is asked. Whoever takes a job over has itself seen the
lease unrenewed for its whole length (``reclaim``), and by then its holder has given up.
"""

import asyncio
from collections.abc import Coroutine
from enum import Enum
from typing import Any, TypeVar

from redis.asyncio import Redis

from trellis.gateway.errors import JobsDown
from trellis.gateway.jobs.keys import JobKeys
from trellis.gateway.jobs.pipe import Pipe
from trellis.gateway.jobs.queue import Lease
from trellis.gateway.jobs.worker_scripts import RENEW

T = TypeVar("T")


class GivenUp(Exception):
    """The call was broken off; ``why`` says what for."""

    def __init__(self, why: "Why") -> None:
        super().__init__(why.value)
        self.why = why


class Why(Enum):
    """Reasons to break a call off."""

    LATE = "its lease could not be renewed in time"
    TAKEN = "another worker has it, or it is gone"
    CANCELLED = "it was cancelled"
    DRAINED = "the worker ends"


class _Held:
    """One lease; ``renewed`` is when its last renewal was sent, by the loop's clock."""

    def __init__(self, lease: Lease, renewed: float) -> None:
        self.lease = lease
        self.renewed = renewed
        self.call: asyncio.Task[Any] | None = None
        self.why: Why | None = None

    def give_up(self, why: Why) -> None:
        if self.why is None:
            self.why = why
            if self.call is not None:
                self.call.cancel()


class Leases:
    """``seconds`` without a renewal make a lease another's."""

    def __init__(self, redis: Redis, keys: JobKeys, seconds: float) -> None:
        # Apart from the jobs' own traffic, which may have large bodies before it.
        self._pipe = Pipe(redis, keys.all)
        self._seconds = seconds
        self._held: dict[str, _Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    def holds(self, name: str) -> bool:
        """Whether this worker runs the job."""
        return name in self._held

    async def guard(self, lease: Lease, since: float, call: Coroutine[Any, Any, T]) -> T:
        """What ``call`` returns, which is cancelled once the lease is lost.

        ``since``: the loop's time just before the lease was asked for. Raises ``GivenUp``.
        """
        held = self._held[lease.name] = _Held(lease, since)
        task = asyncio.create_task(call)
        held.call = task
        try:
            return await task
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if held.why is None or (this is not None and this.cancelling()):
                raise  # the job's own task is cancelled, and is to end
            raise GivenUp(held.why) from None
        finally:
            task.cancel()
            if self._held.get(lease.name) is held:
                del self._held[lease.name]

    def cancelled(self, name: str) -> None:
        """Break a job off that Redis says is cancelled."""
        if (held := self._held.get(name)) is not None:
            held.give_up(Why.CANCELLED)

    def drain(self) -> None:
        """Break all off: the worker ends."""
        for held in list(self._held.values()):
            held.give_up(Why.DRAINED)

    async def renew(self) -> None:
        """Renew all leases, again and again, until cancelled."""
        while True:
            try:
                await self._renew_once()
            except JobsDown:
                await asyncio.sleep(self._seconds / 12)
            else:
                await asyncio.sleep(self._seconds / 3)

    async def watch(self) -> None:
        """Give up what could not be renewed in time, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            late = loop.time() - self._seconds * 2 / 3
            for held in list(self._held.values()):
                if held.renewed < late:
                    held.give_up(Why.LATE)
            await asyncio.sleep(self._seconds / 12)

    async def settle(self) -> None:
        """Wait until all that was sent is answered; see ``Pipe.settle``."""
        await self._pipe.settle()

    async def _renew_once(self) -> None:
        held = {name: each for name, each in self._held.items() if each.why is None}
        if not held:
            return
        sent = asyncio.get_running_loop().time()
        words = (word for each in held.values() for word in each.lease)
        lost = {name.decode() for name in await self._pipe.run(RENEW, *words)}
        for name, each in held.items():
            if name in lost:
                each.give_up(Why.TAKEN)
            else:
                each.renewed = sent

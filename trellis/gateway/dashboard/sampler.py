"""One look for all viewers, and none while nobody looks."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from trellis.gateway.errors import Overloaded

Seen = TypeVar("Seen")

#: People who may follow the dashboard at once; each holds a connection.
MOST_VIEWERS = 64


class Sampler(Generic[Seen]):
    """Shares a look among all who ask within ``every`` seconds."""

    def __init__(
        self,
        look: Callable[[], Awaitable[Seen]],
        every: float,
        most_viewers: int = MOST_VIEWERS,
    ) -> None:
        self.every = every
        self.viewers = 0
        self._look = look
        self._most_viewers = most_viewers
        self._looking: asyncio.Task[Seen] | None = None
        self._last: Seen | None = None
        self._looked_at = 0.0

    async def latest(self) -> Seen:
        """The last look if it is no older than ``every``, else a new one."""
        now = asyncio.get_running_loop().time()
        if self._last is not None and now - self._looked_at < self.every:
            return self._last
        return await self._join()

    async def fresh(self) -> Seen:
        """A look that begins after now."""
        if self._looking is not None:
            await self._join()
        return await self._join()

    def check_room(self) -> None:
        """Raises ``Overloaded`` where as many follow the dashboard as may."""
        if self.viewers >= self._most_viewers:
            raise Overloaded(
                f"{self._most_viewers} people follow the dashboard already, its limit; reload to look once"
            )

    @contextmanager
    def viewer(self) -> Iterator[None]:
        """Count one more viewer for the context."""
        self.viewers += 1
        try:
            yield
        finally:
            self.viewers -= 1

    async def _join(self) -> Seen:
        """The look that is under way, else a new one."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._take())
        return await asyncio.shield(self._looking)

    async def _take(self) -> Seen:
        try:
            self._last = await self._look()
            self._looked_at = asyncio.get_running_loop().time()
            return self._last
        finally:
            self._looking = None

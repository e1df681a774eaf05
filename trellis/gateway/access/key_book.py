"""The keys that this process knows, and how long it may go by them.

What was read of a key holds while the keys' mark in Redis is the same, and the mark holds for
``FRESH_SECONDS`` from the moment it was asked for: within that time a revoked key is refused by
every replica, and without Redis every key is. A request with a known key waits for nothing.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from trellis.gateway.access.key_store import KeyStore
from trellis.gateway.access.keys import StoredKey
from trellis.gateway.access.link import Link
from trellis.gateway.errors import AccessDown

FRESH_SECONDS = 0.9
POLL_SECONDS = 0.25
#: Seconds between two notes of when keys were last used.
USED_SECONDS = 10.0
#: Keys that are remembered, and as many ids of no key.
MOST_KEYS = 10_000


class KeyBook:
    """Keys by id, as Redis has them."""

    def __init__(
        self, store: KeyStore, link: Link, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._link = link
        self._clock = clock
        self._mark: bytes | None = None
        self._asked_at = float("-inf")
        self._ahead = 0.0
        self._keys: dict[str, _Read] = {}
        self._unknown: dict[str, _Read] = {}
        self._looking: dict[str, asyncio.Task[StoredKey | None]] = {}
        self._used: dict[str, float] = {}

    @property
    def now(self) -> float:
        """Seconds since 1970 by the clock of Redis, since this machine's may jump."""
        return self._clock() + self._ahead

    def seen(self, key_id: str) -> bool:
        """Whether there was such a key when it was last looked up."""
        return key_id in self._keys

    def used(self, key_id: str) -> None:
        """Note that the key was used now; ``run`` writes it."""
        self._used[key_id] = self.now

    async def find(self, key_id: str) -> StoredKey | None:
        """The key; None where there is none. Raises ``AccessDown`` where nobody can tell."""
        read = self._keys.get(key_id) or self._unknown.get(key_id)
        fresh = self._clock() - self._asked_at < FRESH_SECONDS
        if read is not None and read.mark == self._mark and fresh:
            return read.key
        self._link.check()
        looking = self._looking.get(key_id)
        if looking is None:
            looking = self._looking[key_id] = asyncio.create_task(self._look(key_id))
            looking.add_done_callback(_retrieve)
        # Callers may leave; the others wait for the same answer.
        return await asyncio.shield(looking)

    async def run(self) -> None:
        """Follow the mark, and write when keys were used; until cancelled."""
        written_at = self._clock()
        try:
            while True:
                with suppress(AccessDown):  # the link logs it; callers get their 503
                    await self._look(None)
                    if self._clock() - written_at >= USED_SECONDS:
                        written_at = self._clock()
                        await self._write_used()
                await asyncio.sleep(POLL_SECONDS)
        finally:
            with suppress(AccessDown):
                await self._write_used()

    async def close(self) -> None:
        """Give up what is being asked of Redis, before its connections are closed."""
        asking = list(self._looking.values())
        for looking in asking:
            looking.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def _look(self, key_id: str | None) -> StoredKey | None:
        asked_at = self._clock()
        try:
            look = await self._link.call(lambda: self._store.look(key_id))
        finally:
            if key_id is not None:
                del self._looking[key_id]
        if asked_at > self._asked_at:
            self._asked_at, self._mark = asked_at, look.mark
            self._ahead = look.now - asked_at
        if key_id is not None:
            kept, other = (
                (self._unknown, self._keys) if look.key is None else (self._keys, self._unknown)
            )
            other.pop(key_id, None)
            kept.pop(key_id, None)
            if len(kept) >= MOST_KEYS:
                del kept[next(iter(kept))]
            kept[key_id] = _Read(look.key, look.mark)
        return look.key

    async def _write_used(self) -> None:
        if self._used:
            used, self._used = self._used, {}
            await self._link.call(lambda: self._store.used(used))


def _retrieve(task: asyncio.Task[StoredKey | None]) -> None:
    """Whoever waits has the error; where nobody does any more, nobody misses it."""
    if not task.cancelled():
        task.exception()


class _Read(NamedTuple):
    """What was read of a key, and the mark at that moment."""

    key: StoredKey | None
    mark: bytes | None

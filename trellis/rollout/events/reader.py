"""The consumer group ``controller``: entries of both streams, folded for all watches.

Any number of controllers read at once. Entries of one that is gone go to another after a while; one that
was only slow finds them moved when it commits, and lets go.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from trellis.contracts.events import READERS, Exposure, Outcome
from trellis.rollout.events.fold import Fold, concerned, fold
from trellis.rollout.events.scripts import FORGET_CONSUMERS
from trellis.rollout.events.store import FoldStore, Loaded, Unreadable, failures_in_words
from trellis.rollout.events.watch import Watch
from trellis.telemetry.logs import get_logger

#: Entries of each stream, and units whose window is over, at once.
AT_ONCE = 500
#: Milliseconds after which a silent reader's entries are another's, and seconds between two looks.
TAKEN_OVER_MS = 30_000
TAKE_OVER_EVERY = 10.0
#: Milliseconds after which an idle reader that holds nothing is forgotten: a day.
FORGOTTEN_MS = 24 * 3600 * 1000
#: Seconds after a window's end at which it is counted: outcomes of its last moment may be on their way.
GRACE_SECONDS = 5.0


class _Entry(NamedTuple):
    """``event`` is None for an entry that is gone, or that nobody can read."""

    stream: int  # 0: exposures, 1: outcomes
    id: str
    event: Exposure | Outcome | None


class EventReader:
    """``consumer`` is this process's name among the readers, which no other has."""

    def __init__(self, redis: Redis, store: FoldStore, consumer: str) -> None:
        self._redis: Any = redis  # the library's types allow answers that these commands never give
        self._store = store
        self._consumer = consumer
        self._streams = (store.keys.exposures, store.keys.outcomes)
        self._forget = redis.register_script(FORGET_CONSUMERS)
        self._may_have_left = True
        self._passed_over: set[str] = set()
        self._took_over_at: float | None = None

    async def step(self, now: float) -> int:
        """Fold what there is, up to a bound; ``now`` in seconds since 1970.

        Returns how many entries were acknowledged and windows counted: 0 means that all is read.
        Raises ``EventsDown``; what was not acknowledged is read again.
        """
        entries = await self._read()
        watches = await self._store.watches()
        # With entries left unread, an outcome of a window that is over may be among them.
        due: dict[str, list[str]] = {}
        if not entries:
            for watch in watches:
                if not watch.ripens:
                    continue
                members = await self._store.due(watch.name, now - GRACE_SECONDS, AT_ONCE)
                if members:
                    due[watch.name] = members
        if not entries and not due:
            return 0
        folds = await self._folds(watches, entries, due)
        ids = tuple([entry.id for entry in entries if entry.stream == stream] for stream in (0, 1))
        fate = await self._store.commit(self._consumer, (ids[0], ids[1]), folds)
        if fate == "done":
            return len(entries) + sum(len(folded.ripened) for _, folded in folds.values())
        return max(1, len(entries))

    async def _folds(
        self,
        watches: Iterable[Watch],
        entries: Sequence[_Entry],
        due: dict[str, list[str]],
    ) -> dict[str, tuple[Loaded, Fold]]:
        events = [entry.event for entry in entries if entry.event is not None]
        folds: dict[str, tuple[Loaded, Fold]] = {}
        for watch in watches:
            mine = [event for event in events if concerned(watch, event)]
            members = due.get(watch.name, [])
            if not mine and not members:
                continue
            units = {watch.unit_of(event) for event in mine} | {
                m.rpartition(":")[2] for m in members
            }
            try:
                loaded = await self._store.load(watch.name, sorted(units))
            except Unreadable as error:  # the others' events must not wait for it
                await self._pass_over(watch.name, error)
                continue
            try:
                folded = fold(watch, loaded.state, loaded.units, mine, members)
            except Exception as error:  # noqa: BLE001 - nor for what nobody thought of
                await self._pass_over(watch.name, error)
                continue
            self._passed_over.discard(watch.name)
            folds[watch.name] = loaded, folded
        return folds

    async def _pass_over(self, name: str, error: Exception) -> None:
        if name not in self._passed_over:
            unknown = None if isinstance(error, Unreadable) else error
            get_logger().warning(
                "events are not counted", watch=name, why=str(error), exc_info=unknown
            )
        self._passed_over.add(name)
        await self._store.pass_over(name)

    async def _read(self) -> list[_Entry]:
        """Own entries that were left, then those of readers that are gone, then new ones."""
        async with failures_in_words():
            try:
                return await self._entries()
            except ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                await self._make_groups()
                return await self._entries()

    async def _entries(self) -> list[_Entry]:
        if self._may_have_left:
            left = await self._group_read("0")
            if left:
                return left
            self._may_have_left = False
        return await self._new_entries()

    async def _new_entries(self) -> list[_Entry]:
        # Until they are known to be acknowledged, whatever fails: an answer may be lost on its way.
        self._may_have_left = True
        clock = asyncio.get_running_loop().time()
        if self._took_over_at is None or clock - self._took_over_at >= TAKE_OVER_EVERY:
            self._took_over_at = clock
            taken = await self._take_over()
            if taken:
                self._took_over_at = None  # there may be more
                return taken
        entries = await self._group_read(">")
        self._may_have_left = bool(entries)
        return entries

    async def _group_read(self, start: str) -> list[_Entry]:
        found = await self._redis.xreadgroup(
            READERS, self._consumer, dict.fromkeys(self._streams, start), count=AT_ONCE
        )
        names = [stream.encode() for stream in self._streams]
        return [
            _entry(names.index(name), entry_id, fields)
            for name, entries in found
            for entry_id, fields in entries
        ]

    async def _take_over(self) -> list[_Entry]:
        taken: list[_Entry] = []
        for place, stream in enumerate(self._streams):
            _, entries, *_ = await self._redis.xautoclaim(
                stream, READERS, self._consumer, TAKEN_OVER_MS, "0-0", count=AT_ONCE
            )
            taken += [_entry(place, entry_id, fields) for entry_id, fields in entries if entry_id]
            await self._forget(keys=[stream], args=[READERS, FORGOTTEN_MS])
        return taken

    async def _make_groups(self) -> None:
        for stream in self._streams:
            try:
                await self._redis.xgroup_create(stream, READERS, id="0", mkstream=True)
            except ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise


def _entry(stream: int, entry_id: bytes, fields: dict[bytes, bytes] | None) -> _Entry:
    kind = Exposure if stream == 0 else Outcome
    event: Exposure | Outcome | None = None
    with contextlib.suppress(KeyError, ValidationError):
        event = kind.model_validate_json((fields or {})[b"event"])
    return _Entry(stream, entry_id.decode(), event)

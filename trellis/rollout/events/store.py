"""What is folded, in the durable Redis: watches, their units and blocks; and its failures in words."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import orjson
from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from trellis.contracts.events import READERS
from trellis.rollout.events.blocks import Block, FoldState
from trellis.rollout.events.fold import Fold
from trellis.rollout.events.keys import FoldKeys
from trellis.rollout.events.scripts import COMMIT, WATCH
from trellis.rollout.events.units import UnitMemory, in_sample
from trellis.rollout.events.watch import Watch

#: Seconds for the answers of one call, some of which are several: one that hangs is one that is away.
ANSWER_SECONDS = 10.0
#: Seconds for which a watch that nobody folds or reads any more is kept: a year and a month.
KEPT_SECONDS = 400 * 24 * 3600

#: What became of a commit, as ``scripts.COMMIT`` says.
Fate = Literal["done", "moved", "changed"]


class EventsDown(Exception):
    """Redis does not answer, or refuses."""


class Unreadable(EventsDown):
    """What is stored of one watch is damaged, or was written by a newer controller."""

    def __init__(self) -> None:
        super().__init__(
            "what is counted of the gateways' events cannot be read: it is damaged, or a newer"
            " controller wrote it"
        )


class Loaded(NamedTuple):
    """A watch's state as it was at ``version``, with the units that were asked for."""

    version: str
    state: FoldState
    units: dict[str, UnitMemory]


@dataclass(frozen=True)
class News:
    """What a watch has for its reader: closed blocks in order, exposures by side, and what was lost
    of the events since the watch began (``dropped`` were never stored, ``unjoined`` can get no outcome,
    ``passed_over`` where a reader could not read what was counted before).
    """

    blocks: tuple[Block, ...]
    exposures: Mapping[str, int]
    dropped: int
    unjoined: int
    passed_over: bool = False

    @property
    def incomplete(self) -> str:
        """One sentence where something was lost; else empty."""
        if self.passed_over:
            return f"some events were passed over: {Unreadable()}"
        if not self.dropped + self.unjoined:
            return ""
        return (
            f"{self.dropped} exposures were not stored and {self.unjoined} can get no outcome:"
            " the gateways' Redis was away or its bound of events was reached"
        )


class FoldStore:
    """All calls raise ``EventsDown``."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self.keys = FoldKeys(prefix)
        self._redis: Any = redis  # the library's types allow answers that these commands never give
        self._commit = redis.register_script(COMMIT)
        self._watch = redis.register_script(WATCH)

    async def expect(self, wanted: Watch) -> None:
        """Count so from now on; what is counted under this name goes on, in a new era where anything
        is another. ``wanted.era`` does not matter, and ``wanted.since`` is the new era's only.

        Before the routing table with its shares is published: events of no watch are passed over.
        Two at once with different shares make two eras.
        """
        while True:
            before = await self.stored(wanted.name)
            if before is None:
                era = 0
            elif wanted.model_copy(update={"era": before.era, "since": before.since}) == before:
                return
            else:
                era = before.era + 1
            if await self.watch(wanted.model_copy(update={"era": era})):
                return

    async def watch(self, watch: Watch) -> bool:
        """As ``expect``, in this very era; false where another of it, or of a later one, is there."""
        text, state = watch.model_dump_json(by_alias=True), self.keys.state(watch.name)
        async with failures_in_words():
            lost = orjson.dumps(await self._lost(watch))
            put: int = await self._watch(
                keys=[self.keys.watches, state],
                args=[watch.name, text, watch.era, lost, KEPT_SECONDS],
            )
        return bool(put)

    async def drop(self, name: str) -> None:
        """Forget a watch and all that was counted for it."""
        async with failures_in_words():
            await self._redis.hdel(self.keys.watches, name)
            keys = self.keys.state(name), self.keys.units(name), self.keys.ripening(name)
            await self._redis.unlink(*keys)

    async def names(self) -> set[str]:
        """Of all watches, those too that ``watches`` leaves out."""
        async with failures_in_words():
            names: list[bytes] = await self._redis.hkeys(self.keys.watches)
        return {name.decode() for name in names}

    async def watches(self) -> tuple[Watch, ...]:
        """All of them, but those that a newer controller wrote and this one cannot read."""
        async with failures_in_words():
            texts: list[bytes] = await self._redis.hvals(self.keys.watches)
        return tuple(watch for watch in map(_parsed, texts) if watch is not None)

    async def stored(self, name: str) -> Watch | None:
        """The watch of this name. Raises ``Unreadable`` for one that ``watches`` leaves out."""
        async with failures_in_words():
            text: bytes | None = await self._redis.hget(self.keys.watches, name)
        watch = _parsed(text) if text is not None else None
        if text is not None and watch is None:
            raise Unreadable
        return watch

    async def news(self, watch: Watch, after: int) -> News:
        """Blocks with numbers over ``after``, which is what the reader has stored itself."""
        async with failures_in_words():
            fields = await self._redis.hmget(
                self.keys.state(watch.name), ["body", "lost", "passed-over"]
            )
            counts = await self._lost(watch)
        body, lost, passed_over = fields
        with _unless_unreadable():
            state = FoldState.from_json(body) if body else FoldState()
            before = orjson.loads(lost) if lost else (0, 0)
            dropped, unjoined = (max(0, now - b) for now, b in zip(counts, before, strict=True))
        blocks = tuple(block for block in state.told if block.seq > after)
        return News(blocks, state.exposures, dropped, unjoined, passed_over is not None)

    async def _lost(self, watch: Watch) -> tuple[int, int]:
        """What gateways ever lost of its events: never stored, and without outcomes."""
        field = f"experiment:{watch.experiment}" if watch.experiment else f"model:{watch.model}"
        counts = await self._redis.hmget(self.keys.dropped, [field, f"joins:{field}"])
        dropped, unjoined = (int(count or 0) for count in counts)
        return dropped, unjoined

    async def pass_over(self, name: str) -> None:
        """Events of this watch go by uncounted, since what was counted before cannot be read."""
        async with failures_in_words():
            await self._redis.hset(self.keys.state(name), "passed-over", 1)

    async def forget(self, name: str, up_to: int) -> None:
        """Let go of blocks that the reader has stored the evidence of, by their numbers."""
        while True:
            loaded = await self.load(name, ())
            kept = [block for block in loaded.state.blocks if block.seq > up_to]
            if len(kept) == len(loaded.state.blocks):
                return
            loaded.state.blocks = kept
            change = {name: (loaded, Fold(loaded.state))}
            if await self.commit("", ((), ()), change) == "done":
                return

    async def load(self, name: str, units: Sequence[str]) -> Loaded:
        """A watch's state, and what is remembered of ``units``.

        The version comes first: what changes before the units are read makes the commit's fail.
        """
        async with failures_in_words(), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.hmget(self.keys.state(name), ["version", "body"])
            if units:
                pipeline.hmget(self.keys.units(name), list(units))
            (version, body), *found = await pipeline.execute()
        texts: Sequence[bytes | None] = found[0] if found else ()
        known = zip(units, texts, strict=True)
        with _unless_unreadable():
            return Loaded(
                version=version.decode() if version else "0",
                state=FoldState.from_json(body) if body else FoldState(),
                units={unit: UnitMemory.from_json(text) for unit, text in known if text},
            )

    async def due(self, name: str, now: float, most: int) -> list[str]:
        """Members of ``ripening`` whose second has come, the earliest first."""
        async with failures_in_words():
            found: list[bytes] = await self._redis.zrangebyscore(
                self.keys.ripening(name), "-inf", now, start=0, num=most
            )
        return [member.decode() for member in found]

    async def commit(
        self,
        consumer: str,
        ids: tuple[Sequence[str], Sequence[str]],
        folds: Mapping[str, tuple[Loaded, Fold]],
    ) -> Fate:
        """Store what came of the entries ``ids`` (of exposures, of outcomes) and acknowledge them."""
        keys = [self.keys.exposures, self.keys.outcomes]
        watches = []
        for name, (loaded, folded) in folds.items():
            keys += [self.keys.state(name), self.keys.units(name), self.keys.ripening(name)]
            gone = await self._thinned(name, loaded.state.sample, folded)
            watches.append(
                {
                    "version": loaded.version,
                    "body": folded.state.to_json().decode(),
                    "put": {u: memory.to_json().decode() for u, memory in folded.units.items()},
                    "gone": gone,
                    "ripening": {m: repr(second) for m, second in folded.ripening.items()},
                    "ripened": folded.ripened,
                }
            )
        document = orjson.dumps({"ids": ids, "watches": watches})
        async with failures_in_words():
            fate: bytes = await self._commit(
                keys=keys, args=[READERS, consumer, document, KEPT_SECONDS]
            )
        return "done" if fate == b"done" else "moved" if fate == b"moved" else "changed"

    async def _thinned(self, name: str, sample: int, folded: Fold) -> list[str]:
        """Units that are to go: the forgotten, and where the fold halved the sample those out of it."""
        state = folded.state
        if state.sample == sample:
            return sorted(folded.forgotten)
        async with failures_in_words():
            stored: list[bytes] = await self._redis.hkeys(self.keys.units(name))
        everyone = ({unit.decode() for unit in stored} | folded.units.keys()) - folded.forgotten
        gone = {unit for unit in everyone if not in_sample(unit, state.sample)}
        state.remembered = len(everyone) - len(gone)
        for unit in gone:  # their members of ``ripening`` find nobody, and go one by one
            folded.units.pop(unit, None)
        return sorted(gone | folded.forgotten)


@lru_cache(maxsize=4096)
def _parsed(text: bytes) -> Watch | None:
    try:
        return Watch.model_validate_json(text)
    except ValidationError:
        return None


@contextmanager
def _unless_unreadable() -> Iterator[None]:
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unreadable from error


@asynccontextmanager
async def failures_in_words() -> AsyncIterator[None]:
    """Raise ``EventsDown`` for whatever keeps Redis from answering, within ``ANSWER_SECONDS``."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise EventsDown(
            f"the events' Redis does not answer, or refuses ({type(error).__name__})"
        ) from error

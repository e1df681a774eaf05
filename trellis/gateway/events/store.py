"""The events in the durable Redis: all that this package asks of it, and its failures in words."""

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, NamedTuple, cast

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from trellis.contracts.events import READERS, AuditEntry, OutcomeKind
from trellis.gateway.errors import EventsDown
from trellis.gateway.events.batch import INDEX_OVERHEAD, STREAM_OVERHEAD, Batch
from trellis.gateway.events.keys import EventKeys
from trellis.gateway.events.scripts import RECORD_OUTCOMES, WRITE_EXPOSURES
from trellis.gateway.redis_clients import heeding

#: Seconds in which a batch that is sent again is known: longer than a Redis stays away.
WRITER_SECONDS = 7 * 24 * 3600
#: Seconds that counts of an experiment stay after the last of its events: 180 days.
COUNTS_SECONDS = 180 * 24 * 3600
#: Lines of the audit that are kept, about.
AUDIT_LENGTH = 10_000
#: Lines that are read at once.
AUDIT_PAGE = 200
#: Bytes of an outcome's value up to which it is kept as it is, to tell the same from another.
_LONGEST_MARK = 64

#: What became of a batch, as ``scripts.WRITE_EXPOSURES`` says.
Fate = Literal["written", "unjoined", "dropped", "known"]


class Said(NamedTuple):
    """One outcome to record: ``value`` is its JSON, ``time`` in seconds since 1970."""

    request_id: str
    kind: OutcomeKind
    value: bytes
    time: float

    @property
    def counted(self) -> bool:
        """Whether it adds to its kind's count: a conversion that did not happen does not."""
        return self.kind != "conversion" or self.value == b"true"


class Recorded(NamedTuple):
    """What became of an outcome: ``status`` 200, stored at ``time``, ``new`` where it was not before;
    404 unknown request, 409 where something else was said before, 503 where there is no room.
    """

    status: Literal[200, 404, 409, 503]
    time: float
    new: bool


class EventStore:
    """``max_bytes`` bounds the stream of exposures and the one of outcomes, ``index_bytes`` the
    request index and what is kept of outcomes to tell one that comes again.
    """

    def __init__(self, redis: Redis, prefix: str, max_bytes: int, index_bytes: int) -> None:
        self.keys = EventKeys(prefix)
        self._redis = redis
        self._max_bytes = max_bytes
        self._index_bytes = index_bytes
        self._write = redis.register_script(WRITE_EXPOSURES)
        self._record = redis.register_script(RECORD_OUTCOMES)

    async def write(self, writer: str, number: int, batch: Batch) -> Fate:
        """Store a batch, once however often it is sent.

        A writer sends its batches one after another, under numbers that differ. Raises
        ``EventsDown``; the batch may have been stored nevertheless.
        """
        keys = [self.keys.exposures, self.keys.index_bytes, self.keys.dropped]
        async with _failures_in_words():
            fate: bytes = await self._write(
                keys=[*keys, self.keys.writer(writer)],
                args=[
                    batch.document,
                    batch.stream_bytes,
                    self._max_bytes,
                    READERS,
                    number,
                    WRITER_SECONDS,
                    COUNTS_SECONDS,
                    self._index_bytes * 3 // 4,
                ],
            )
        return cast("Fate", fate.decode())

    async def models_of(self, request_ids: Sequence[str]) -> list[str | None]:
        """The model that each request met; None where none is known (any more). Raises ``EventsDown``."""
        if not request_ids:
            return []
        async with _failures_in_words():
            found: list[Any] = await self._redis.mget(
                [self.keys.request(name) for name in request_ids]
            )
        return [None if joins is None else _model_in(joins) for joins in found]

    async def record(self, outcomes: Sequence[Said]) -> list[Recorded]:
        """Store outcomes in order; the same again changes nothing. Raises ``EventsDown``."""
        items = [
            {
                "index": self.keys.request(said.request_id),
                "marker": self.keys.outcome(said.request_id, said.kind),
                "kind": said.kind,
                "value": said.value.decode(),
                "mark": mark_of(said.value),
                "time": repr(said.time),
                "count": int(said.counted),
                "fields": _outcome_fields(said),
                "overhead": STREAM_OVERHEAD,
                "index_overhead": INDEX_OVERHEAD,
            }
            for said in outcomes
        ]
        async with _failures_in_words():
            results = await self._record(
                keys=[self.keys.outcomes, self.keys.index_bytes],
                args=[
                    orjson.dumps(items),
                    self._max_bytes,
                    READERS,
                    self.keys.counts(""),
                    COUNTS_SECONDS,
                    self._index_bytes,
                ],
            )
        return [Recorded(status, float(time or 0), bool(new)) for status, time, new in results]

    async def counts(self, experiment: str) -> dict[str, str]:
        """``<what>:<arm>`` to its number in text, with ``units:<arm>``; ``dropped`` and ``unjoined``
        alone.

        Empty where the experiment met nothing. Raises ``EventsDown``.
        """
        async with _failures_in_words():
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.hgetall(self.keys.counts(experiment))
                field = f"experiment:{experiment}"
                pipeline.hmget(self.keys.dropped, [field, f"joins:{field}"])
                fields, lost = await pipeline.execute()
            counts = {name.decode(): number.decode() for name, number in fields.items()}
            arms = [name.partition(":")[2] for name in counts if name.startswith("exposures:")]
            if arms:
                async with self._redis.pipeline(transaction=False) as pipeline:
                    for arm in arms:
                        pipeline.pfcount(self.keys.units(experiment, arm))
                    units = await pipeline.execute()
                counts |= {f"units:{arm}": str(n) for arm, n in zip(arms, units, strict=True)}
        losses = zip(("dropped", "unjoined"), lost, strict=True)
        return counts | {what: number.decode() for what, number in losses if number is not None}

    async def add_audit(self, entry: AuditEntry) -> None:
        """Keep one line of the audit. Raises ``EventsDown``."""
        async with _failures_in_words():
            await self._redis.xadd(
                self.keys.audit,
                {"event": entry.model_dump_json(by_alias=True)},
                maxlen=AUDIT_LENGTH,
                approximate=True,
            )

    async def audit(self, count: int, wanted: Callable[[AuditEntry], bool]) -> list[AuditEntry]:
        """The newest ``count`` lines that are ``wanted``, the newest first. Raises ``EventsDown``."""
        lines: list[AuditEntry] = []
        before = "+"
        while len(lines) < count:
            async with _failures_in_words():
                entries: Any = await self._redis.xrevrange(
                    self.keys.audit, max=before, count=AUDIT_PAGE
                )
            read = [AuditEntry.model_validate_json(fields[b"event"]) for _, fields in entries]
            lines += filter(wanted, read)
            if len(entries) < AUDIT_PAGE:
                break
            before = f"({entries[-1][0].decode()}"
        return lines[:count]


@asynccontextmanager
async def _failures_in_words() -> AsyncIterator[None]:
    try:
        with heeding():
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise EventsDown("the store of events does not answer; try again in a moment") from error


def mark_of(value: bytes) -> str:
    """What tells an outcome's value from every other: itself, or the hash of a long one."""
    if len(value) <= _LONGEST_MARK:
        return value.decode()
    return f"~{hashlib.blake2b(value, digest_size=16).hexdigest()}"  # no JSON begins so


def _outcome_fields(said: Said) -> str:
    value = orjson.Fragment(said.value)
    named = {"requestId": said.request_id, "kind": said.kind, "value": value, "time": said.time}
    return orjson.dumps(named)[1:-1].decode()


def _model_in(joins: bytes) -> str:
    model: str = orjson.loads(b"{" + joins + b"}")["model"]
    return model

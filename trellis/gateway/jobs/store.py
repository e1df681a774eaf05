"""The jobs as those see them who hand them in and ask for them; all state is in Redis."""

import asyncio
import contextlib
import hashlib
from typing import NamedTuple

import orjson
from redis.asyncio import Redis

from trellis.gateway.errors import Backlogged, IdempotencyConflict
from trellis.gateway.jobs.document import EMBEDDED_BYTES
from trellis.gateway.jobs.epochs import Epochs
from trellis.gateway.jobs.keys import JobKeys, new_epoch, new_name, read_id
from trellis.gateway.jobs.listing import list_jobs
from trellis.gateway.jobs.pipe import Pipe
from trellis.gateway.jobs.records import read_record
from trellis.gateway.jobs.scripts import CANCEL, COUNTS, READ, REPLAY, SUBMIT
from trellis.gateway.jobs.types import Backlog, JobRecord, JobState, NewJob, Submitted
from trellis.gateway.jobs.waiting import Waiting
from trellis.telemetry.metrics import GatewayMetrics

#: How many of the jobs accepted last can be listed.
RECENT = 1000
#: An answer up to this many bytes comes with its job at once; a longer one is asked for by itself,
#: so that what a batch of the pipe brings is bounded.
AT_ONCE_BYTES = 2**15
#: Headers that say, beside the unit's, what is asked for.
_DECISIVE = frozenset(("content-type", "inference-header-content-length", "x-model-version"))


class Bounds(NamedTuple):
    """``backlog`` jobs at once; a final job is kept for ``result_seconds``."""

    backlog: int
    result_seconds: int


class JobStore:
    """Takes jobs and tells of them. Every method raises ``JobsDown`` where Redis does not answer."""

    def __init__(
        self,
        redis: Redis,
        keys: JobKeys,
        bounds: Bounds,
        waiting: Waiting,
        metrics: GatewayMetrics,
    ) -> None:
        self._pipe = Pipe(redis, keys.all)
        self._keys = keys
        self._bounds = bounds
        self._waiting = waiting
        self._metrics = metrics
        self._epochs = Epochs(metrics)

    async def submit(self, job: NewJob) -> Submitted:
        """Accept a job; once this returns, it is on Redis's disk.

        Raises ``Backlogged``, ``IdempotencyConflict`` where the key came with another request,
        ``JobsDown`` also where Redis is full: the job may then have been accepted, and the same
        idempotency key tells.
        """
        name = new_name()
        fields: dict[str, str | bytes] = {
            "model": job.model,
            "method": job.method,
            "path": job.path,
            "headers": orjson.dumps(job.headers),
            "body": job.body,
            "caller": job.caller or "",
            "scopes": orjson.dumps(sorted(job.scopes)),
            "callback": job.callback or "",
            "version": job.version or "",
        }
        what, epoch, known, state = await self._pipe.run(
            SUBMIT,
            name,
            new_epoch(),
            self._bounds.backlog,
            RECENT,
            _digest(job),
            self._idempotency(job),
            job.deadline_seconds,
            *(word for pair in fields.items() for word in pair),
        )
        self._epochs.saw(epoch.decode())
        if what == b"full":
            raise Backlogged(
                f"{self._bounds.backlog} jobs are unfinished, as many as may be; try again later"
            )
        if what == b"conflict":
            raise IdempotencyConflict(
                "idempotency-key: it came before with another path, body, media type, version, unit or callback; expected the same request, or a new key"
            )
        created = what == b"created"
        if created:
            self._metrics.jobs.labels("accepted").inc()
        return Submitted(f"{epoch.decode()}-{known.decode()}", created, state.decode())

    async def get(self, job_id: str, most: float = EMBEDDED_BYTES) -> JobRecord | None:
        """The job now; None where there is none by this id (any text).

        With its answer where that has at most ``most`` bytes.
        """
        known = read_id(job_id)
        if known is None:
            return None
        asked = min(most, AT_ONCE_BYTES)
        record = await self._read(job_id, known.name, round(asked))
        while record is not None and asked < record.length <= most:
            # A job that is replayed meanwhile may come back with a longer one.
            asked = record.length
            record = await self._read(job_id, known.name, record.length)
        return record

    async def lost(self, job_id: str) -> bool:
        """Whether the id is of a store that has been emptied since: the job is gone with it."""
        known = read_id(job_id)
        if known is None:
            return False
        epoch = (await self._pipe.ask("GET", self._keys.epoch) or b"").decode()
        self._epochs.saw(epoch)
        return epoch != known.epoch

    async def wait(self, job_id: str, seconds: float) -> JobRecord | None:
        """The job once it is final, or as it is when ``seconds`` have passed."""
        known = read_id(job_id)
        if known is None:
            return None
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        with self._waiting.of(known.name) as finished:
            while True:
                # Cleared before the look: what is heard during the look is not lost.
                finished.clear()
                record = await self.get(job_id)
                if record is None or record.final or loop.time() >= until:
                    return record
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(until):
                        await finished.wait()

    async def cancel(self, job_id: str) -> JobRecord | None:
        """End a job that is not final; one that runs is broken off. Returns it as it is then."""
        known = read_id(job_id)
        if known is None:
            return None
        if await self._pipe.run(CANCEL, known.name, self._bounds.result_seconds):
            self._metrics.jobs.labels("cancelled").inc()
        return await self.get(job_id)

    async def replay(self, job_id: str) -> JobRecord | None:
        """Queue a dead job again, with all its attempts and its whole deadline before it.

        Returns the job as it is then: one that was not dead is left as it is.
        """
        known = read_id(job_id)
        if known is None:
            return None
        if await self._pipe.run(REPLAY, known.name):
            self._metrics.jobs.labels("replayed").inc()
        return await self.get(job_id)

    async def listed(self, state: JobState | None, count: int) -> list[JobRecord]:
        """Up to ``count`` jobs, the newest first, without their answers' bodies; see ``listing``."""
        return await list_jobs(self._pipe, self._keys, state, count)

    async def settle(self) -> None:
        """Wait until all that was sent is answered; see ``Pipe.settle``."""
        await self._pipe.settle()

    async def backlog(self) -> Backlog:
        """How many jobs are where, in the whole store; also sets the gauge."""
        epoch, unfinished, pending, delayed, dead = await self._pipe.run(COUNTS)
        self._epochs.saw(epoch.decode())
        found = Backlog(max(0, unfinished - pending - delayed), delayed, pending, dead)
        for state, count in found._asdict().items():
            self._metrics.jobs_backlog.labels(state).set(count)
        return found

    async def _read(self, job_id: str, name: str, most: int) -> JobRecord | None:
        *values, length, body = await self._pipe.run(READ, name, most, expected=most)
        return read_record(job_id, values, length, body)

    def _idempotency(self, job: NewJob) -> str:
        if job.idempotency_key is None:
            return ""
        owner = orjson.dumps([job.caller, job.idempotency_key])
        return self._keys.idempotency(hashlib.sha256(owner).hexdigest())


def _digest(job: NewJob) -> str:
    """What makes two requests the same; headers that change with every try are left out."""
    told = sorted(pair for pair in job.headers if pair[0] in _DECISIVE)
    unit = None if job.unit is None else job.unit.decode("latin-1")
    head = [job.method, job.path, told, unit, job.callback, len(job.body)]
    digest = hashlib.sha256(orjson.dumps(head))
    digest.update(job.body)
    return digest.hexdigest()

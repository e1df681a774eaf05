"""The jobs as workers see them: taken under a lease, and answered only by who still holds it."""

from typing import Literal, NamedTuple

import orjson
from redis.asyncio import Redis

from trellis.gateway.jobs.keys import JobKeys, new_epoch
from trellis.gateway.jobs.pipe import Pipe
from trellis.gateway.jobs.scripts import DUE, OPEN, TRIM
from trellis.gateway.jobs.worker_scripts import FINISH, FORGET, GIVE_BACK, RETRY, START
from trellis.telemetry.metrics import GatewayMetrics

#: Most delayed jobs that are moved at once.
MOST_DUE = 500
#: Seconds without a read after which a worker without jobs is taken to be gone: many reads' worth.
SILENT_SECONDS = 60.0


_FATES: dict[bytes, Literal["delayed", "dead", "fenced"]] = {
    b"delayed": "delayed",
    b"dead": "dead",
    b"fenced": "fenced",
}


class Rules(NamedTuple):
    """``attempts`` allowed; how long final jobs and dead ones are kept, and the longest pause
    between two attempts: in seconds.
    """

    attempts: int
    result_seconds: int
    dead_seconds: int
    longest_pause: float


class Entry(NamedTuple):
    """Where the stream has a job: the entry's id and the job's name."""

    id: str
    name: str


class Lease(NamedTuple):
    """The right to answer a job; ``token`` is drawn for each attempt."""

    name: str
    token: str


class Answer(NamedTuple):
    """An HTTP answer, whole; names of headers in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Work(NamedTuple):
    """One attempt: the request and whose it is. ``version`` is the one that alone may answer, None
    where any may. ``left`` and ``waited`` in seconds: to the job's deadline, and since a worker
    could have taken it.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    model: str
    version: str | None
    caller: str | None
    scopes: frozenset[str]
    attempt: int
    left: float
    waited: float


class JobQueue:
    """What workers do to jobs. Every method raises ``JobsDown`` where Redis does not answer."""

    def __init__(self, redis: Redis, keys: JobKeys, rules: Rules, metrics: GatewayMetrics) -> None:
        self._pipe = Pipe(redis, keys.all)
        self._rules = rules
        self._metrics = metrics

    async def open(self) -> str:
        """Make the stream and its group where they are not; returns the store's epoch."""
        epoch: bytes = await self._pipe.run(OPEN, new_epoch())
        return epoch.decode()

    async def start(self, entry: Entry, lease: Lease) -> Work | None:
        """Begin an attempt; None where there is nothing to run (cancelled, or already elsewhere)."""
        told = await self._pipe.run(START, entry.name, entry.id, lease.token)
        if told is None:
            return None
        method, path, headers, body, model, version, caller, scopes, *more = told
        attempts, left, waited = more
        work = Work(
            method=method.decode(),
            path=path.decode(),
            headers=tuple((name, value) for name, value in orjson.loads(headers)),
            body=body,
            model=model.decode(),
            # A job handed in before there was this field has none.
            version=(version or b"").decode() or None,
            caller=caller.decode() or None,
            scopes=frozenset(orjson.loads(scopes)),
            attempt=int(attempts),
            left=left / 1000,
            waited=waited / 1000,
        )
        self._metrics.jobs.labels("started").inc()
        self._metrics.jobs_wait.observe(work.waited)
        return work

    async def finish(
        self,
        lease: Lease,
        state: Literal["succeeded", "failed"],
        answer: Answer,
        error: str | None = None,
    ) -> bool:
        """Store the job's one answer; False where the lease was another's, and nothing was stored."""
        stored = await self._pipe.run(
            FINISH,
            *lease,
            state,
            self._rules.result_seconds,
            *_words(answer),
            error or "",
        )
        return self._ended(state if stored else "fenced") != "fenced"

    async def retry(
        self, lease: Lease, pause: float, error: str, answer: Answer | None
    ) -> Literal["delayed", "dead", "fenced"]:
        """Let another attempt begin after ``pause`` seconds, or bury the job: its attempts or its
        time are over. Tells which, or that the lease was another's.
        """
        what: bytes = await self._pipe.run(
            RETRY,
            *lease,
            round(pause * 1000),
            self._rules.attempts,
            self._rules.dead_seconds,
            error,
            *(() if answer is None else _words(answer)),
        )
        self._ended(what.decode())
        return _FATES[what]

    async def give_back(self, lease: Lease) -> bool:
        """Let another worker run the job at once; this attempt does not count."""
        given = await self._pipe.run(GIVE_BACK, *lease, "")
        return self._ended("given_back" if given else "fenced") != "fenced"

    async def not_begun(self, entry: Entry, lease: Lease) -> bool:
        """As ``give_back``, where ``start`` was not heard of: Redis may have done it, or do it yet.

        Either way the job is the next worker's. False where it had gone on already.
        """
        given = bool(await self._pipe.run(GIVE_BACK, *lease, entry.id))
        if given:
            self._ended("given_back")
        return given

    async def move_due(self) -> int:
        """Put delayed jobs whose pause is over where workers take them; returns how many."""
        moved: int = await self._pipe.run(DUE, MOST_DUE, round(self._rules.longest_pause * 1000))
        return moved

    async def trim(self) -> None:
        """Remove what is done with from the stream, dead jobs that are kept no longer from their
        list, and workers that ended without a word from the group.
        """
        await self._pipe.run(TRIM, self._rules.dead_seconds, round(SILENT_SECONDS * 1000))

    async def forget(self, consumer: str) -> None:
        """Take a worker that has ended from the group, unless it still has entries."""
        await self._pipe.run(FORGET, consumer)

    async def settle(self) -> None:
        """Wait until all that was sent is answered; see ``Pipe.settle``."""
        await self._pipe.settle()

    def _ended(self, what: str) -> str:
        if what == "fenced":
            self._metrics.jobs_fenced.inc()
        else:
            self._metrics.jobs.labels(what).inc()
        return what


def _words(answer: Answer) -> tuple[int, bytes, bytes]:
    return answer.status, orjson.dumps(answer.headers), answer.body

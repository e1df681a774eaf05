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
    """One attempt: the request and whose it is. ``left`` and ``waited`` in seconds: to the job's
    deadline, and since a worker could have taken it.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    model: str
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
        method, path, headers, body, model, caller, scopes, attempts, left, waited = told
        work = Work(
            method=method.decode(),
            path=path.decode(),
            headers=tuple((name, value) for name, value in orjson.loads(headers)),
            body=body,
            model=model.decode(),
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

    async def retry(self, lease: Lease, pause: float, error: str, answer: Answer | None) -> bool:
        """Let another attempt begin after ``pause`` seconds, or bury the job: its attempts or its
        time are over. False where the lease was another's.
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
        return self._ended(what.decode()) != "fenced"

    async def give_back(self, lease: Lease) -> bool:
        """Let another worker run the job at once; this attempt does not count."""
        given = await self._pipe.run(GIVE_BACK, *lease)
        return self._ended("given_back" if given else "fenced") != "fenced"

    async def move_due(self) -> int:
        """Put delayed jobs whose pause is over where workers take them; returns how many."""
        moved: int = await self._pipe.run(DUE, MOST_DUE, round(self._rules.longest_pause * 1000))
        return moved

    async def trim(self) -> None:
        """Remove what is done with from the stream."""
        await self._pipe.run(TRIM)

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

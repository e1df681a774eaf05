"""One attempt at one job: started, asked, and its answer stored by who still holds the lease.

A job is one exposure, that of the attempt which ended it: what was tried again before never
reached anybody.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple, TypeVar

import orjson

from trellis.contracts.events import Exposure
from trellis.gateway.attempt import Met
from trellis.gateway.errors import FAILED, JobsDown
from trellis.gateway.jobs.execution import AnswerTooLarge, Execution, NoAnswer
from trellis.gateway.jobs.keys import new_name
from trellis.gateway.jobs.lease import GivenUp, Leases, Why
from trellis.gateway.jobs.queue import Answer, Entry, JobQueue, Lease, Work
from trellis.gateway.jobs.retry import sentence_of, verdict
from trellis.gateway.routing_table import TableHolder
from trellis.telemetry.logs import get_logger
from trellis.web.pauses import Pauses

T = TypeVar("T")

#: Seconds between two tries to tell a Redis that does not answer how an attempt ended.
TELL_SECONDS = 0.2


class _Final(NamedTuple):
    """The job's answer; ``error`` where it is no success."""

    answer: Answer
    error: str | None


class _Again(NamedTuple):
    """Another attempt may bring more; ``answer`` is what this one brought, if anything."""

    error: str
    answer: Answer | None = None


class Attempts:
    """Runs attempts; shared by all jobs of a worker."""

    def __init__(
        self,
        queue: JobQueue,
        leases: Leases,
        execution: Execution,
        holder: TableHolder,
        pauses: Pauses,
        met: Met,
    ) -> None:
        self._queue = queue
        self._leases = leases
        self._execution = execution
        self._holder = holder
        self._pauses = pauses
        self._met = met

    async def run(self, entry: Entry) -> None:
        """Run a job that was read from the stream, and tell how it ended."""
        lease = Lease(entry.name, new_name())
        since = asyncio.get_running_loop().time()
        try:
            work = await self._queue.start(entry, lease)
        except JobsDown:
            # A Redis that hung may begin it when nobody listens any more.
            await _told(lambda: self._queue.not_begun(entry, lease))
            return
        if work is None:
            return
        exposures: list[Exposure] = []
        try:
            end = await self._leases.guard(lease, since, self._end(work, exposures.append))
        except GivenUp as error:
            if error.why is not Why.DRAINED:
                get_logger().warning("job given up", job=lease.name, why=error.why.value)
            if error.why is not Why.CANCELLED:
                await _told(lambda: self._queue.give_back(lease))
                return
        else:
            what = await self._tell(lease, work, end)
            if what == "fenced":
                get_logger().warning("answer not stored, the job is another's", job=lease.name)
            if what != "final":
                return
        for exposure in exposures:
            self._met(exposure)

    async def _tell(
        self, lease: Lease, work: Work, end: _Final | _Again
    ) -> Literal["final", "delayed", "fenced"]:
        """What the attempt's end has made of the job."""
        if isinstance(end, _Again):
            pause = self._pauses.after(work.attempt)
            fate = await _told(lambda: self._queue.retry(lease, pause, end.error, end.answer))
            return "final" if fate == "dead" else fate
        state: Literal["succeeded", "failed"] = "succeeded" if end.error is None else "failed"
        stored = await _told(lambda: self._queue.finish(lease, state, end.answer, end.error))
        return "final" if stored else "fenced"

    async def _end(self, work: Work, met: Met) -> _Final | _Again:
        if lacking := self._lacking(work):
            # The table may be behind that of the gateway which accepted the job.
            return _Again(f"the worker's routing table has no {lacking}")
        try:
            async with asyncio.timeout(work.left):
                return _meant_by(await self._execution.answer(work, met))
        except TimeoutError:
            return _Again("the job's deadline passed before it was answered")
        except AnswerTooLarge as error:
            return _Final(_own(502, str(error)), str(error))
        except NoAnswer as error:
            return _Again(str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the job goes on and the log tells
            get_logger().error("attempt failed", model=work.model, exc_info=error)
            return _Again(FAILED)

    def _lacking(self, work: Work) -> str | None:
        """The model, or the version that alone may answer, where no route has it."""
        route = self._holder.router.routes.get(work.model)
        if route is None:
            return f"model {work.model[:64]!r}"
        known = {target.arm.version for target in route.targets}
        if work.version is not None and work.version not in known:
            return f"version {work.version[:64]!r} of model {work.model[:64]!r}"
        return None


def _meant_by(answer: Answer) -> _Final | _Again:
    match verdict(answer.status):
        case "succeeded":
            return _Final(answer, None)
        case "failed":
            return _Final(answer, sentence_of(answer))
        case "again":
            return _Again(sentence_of(answer), answer)


def _own(status: int, sentence: str) -> Answer:
    headers = (("content-type", "application/json"),)
    return Answer(status, headers, orjson.dumps({"error": sentence}))


async def _told(tell: Callable[[], Awaitable[T]]) -> T:
    """Tell until Redis has heard: the answer is there, and the lease's token keeps it honest."""
    while True:
        try:
            return await tell()
        except JobsDown:
            await asyncio.sleep(TELL_SECONDS)

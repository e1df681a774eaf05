"""One attempt at one job: started, asked, and its answer stored by who still holds the lease."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple

import orjson

from trellis.gateway.errors import FAILED, JobsDown
from trellis.gateway.jobs.execution import AnswerTooLarge, Execution, NoAnswer
from trellis.gateway.jobs.keys import new_name
from trellis.gateway.jobs.lease import GivenUp, Leases, Why
from trellis.gateway.jobs.pauses import Pauses
from trellis.gateway.jobs.queue import Answer, Entry, JobQueue, Lease, Work
from trellis.gateway.jobs.retry import sentence_of, verdict
from trellis.gateway.routing_table import TableHolder
from trellis.telemetry.logs import get_logger

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
    ) -> None:
        self._queue = queue
        self._leases = leases
        self._execution = execution
        self._holder = holder
        self._pauses = pauses

    async def run(self, entry: Entry) -> None:
        """Run a job that was read from the stream, and tell how it ended."""
        lease = Lease(entry.name, new_name())
        since = asyncio.get_running_loop().time()
        try:
            work = await self._queue.start(entry, lease)
        except JobsDown:
            return  # nobody has begun it: whoever sees it lie for a lease takes it
        if work is None:
            return
        try:
            end = await self._leases.guard(lease, since, self._end(work))
        except GivenUp as error:
            if error.why is not Why.DRAINED:
                get_logger().warning("job given up", job=lease.name, why=error.why.value)
            if error.why is not Why.CANCELLED:
                await _told(lambda: self._queue.give_back(lease))
        else:
            await self._tell(lease, work, end)

    async def _tell(self, lease: Lease, work: Work, end: _Final | _Again) -> None:
        pause = self._pauses.after(work.attempt)

        async def tell() -> bool:
            if isinstance(end, _Again):
                return await self._queue.retry(lease, pause, end.error, end.answer)
            state: Literal["succeeded", "failed"] = "succeeded" if end.error is None else "failed"
            return await self._queue.finish(lease, state, end.answer, end.error)

        if not await _told(tell):
            get_logger().warning("answer not stored, the job is another's", job=lease.name)

    async def _end(self, work: Work) -> _Final | _Again:
        if work.model not in self._holder.router.routes:
            # The table may be behind that of the gateway which accepted the job.
            return _Again(f"the worker's routing table has no model {work.model[:64]!r}")
        try:
            async with asyncio.timeout(work.left):
                return _meant_by(await self._execution.answer(work))
        except TimeoutError:
            return _Again("the job's deadline passed before it was answered")
        except AnswerTooLarge as error:
            return _Final(_own(502, str(error)), str(error))
        except NoAnswer as error:
            return _Again(str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the job goes on and the log tells
            get_logger().error("attempt failed", model=work.model, exc_info=error)
            return _Again(FAILED)


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


async def _told(tell: Callable[[], Awaitable[bool]]) -> bool:
    """Tell until Redis has heard: the answer is there, and the lease's token keeps it honest."""
    while True:
        try:
            return await tell()
        except JobsDown:
            await asyncio.sleep(TELL_SECONDS)

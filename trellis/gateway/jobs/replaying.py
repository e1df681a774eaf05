"""A dead job queued again by an operator, with a line in the audit."""

from trellis.gateway.controller_client import Asker
from trellis.gateway.errors import DoesNotFit, NotFound
from trellis.gateway.events.audit import Audit
from trellis.gateway.jobs.store import JobStore
from trellis.gateway.jobs.types import JobRecord


async def replay_job(
    store: JobStore, audit: Audit, asker: Asker, job_id: str, done: int
) -> JobRecord:
    """The job as it is then; also where it has been replayed already. ``done``: the good status.

    Raises ``NotFound``, ``DoesNotFit`` where it is over and not dead, ``JobsDown``.
    """
    known = await store.get(job_id)
    if known is None:
        raise _unknown(job_id)
    async with audit.of(asker, "replay", known.model, known.id, done):
        if known.final and known.state != "dead":
            raise DoesNotFit(f"job {known.id!r} is {known.state}; only dead jobs are replayed")
        job = await store.replay(known.id)
        if job is None:
            raise _unknown(job_id)
        return job


def _unknown(job_id: str) -> NotFound:
    return NotFound(f"no job {job_id[:64]!r}; it never was, or its time is over")

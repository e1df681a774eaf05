"""Which jobs there are: the ones accepted last, or all in one state, the newest first."""

import asyncio

from trellis.gateway.jobs.keys import JobId, JobKeys
from trellis.gateway.jobs.pipe import Pipe
from trellis.gateway.jobs.records import BRIEF, read_record
from trellis.gateway.jobs.types import JobRecord, JobState

#: Most names looked through for a list.
LOOKED_THROUGH = 5000


async def list_jobs(
    pipe: Pipe, keys: JobKeys, state: JobState | None, count: int
) -> list[JobRecord]:
    """Up to ``count`` jobs without their answers' bodies. Raises ``JobsDown``.

    Dead jobs and unfinished ones are found however old they are; of those that succeeded, failed
    or were cancelled only those among the jobs accepted last.
    """
    epoch = (await pipe.ask("GET", keys.epoch) or b"").decode()
    names = await _names(pipe, keys, state)
    asked = (pipe.ask("HMGET", keys.job(name), *BRIEF) for name in names)
    records = (
        read_record(str(JobId(epoch, name)), values)
        for name, values in zip(names, await asyncio.gather(*asked), strict=True)
    )
    found = [job for job in records if job is not None and state in {None, job.state}]
    found.sort(key=lambda job: job.created_at, reverse=True)
    return found[:count]


async def _names(pipe: Pipe, keys: JobKeys, state: JobState | None) -> list[str]:
    if state == "dead":
        names = await pipe.ask("ZREVRANGE", keys.dead, 0, LOOKED_THROUGH - 1)
    elif state in {"queued", "running"}:
        names = await pipe.ask("ZRANGE", keys.delayed, 0, LOOKED_THROUGH - 1)
        entries = await pipe.ask("XREVRANGE", keys.stream, "+", "-", "COUNT", LOOKED_THROUGH)
        names = dict.fromkeys([fields[b"job"] for _, fields in entries] + names)
    else:
        names = await pipe.ask("LRANGE", keys.recent, 0, LOOKED_THROUGH - 1)
    return [name.decode() for name in names]

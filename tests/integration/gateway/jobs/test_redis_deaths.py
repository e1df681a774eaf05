"""The jobs' Redis killed, hung and emptied: nothing accepted is lost but what it lost itself."""

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from tests.integration.gateway.jobs.conftest import StartWorker
from tests.integration.gateway.jobs.workers import Jobs, LedgerServer, job, jobs_of, until
from tests.integration.redis_server import RedisServer
from trellis.gateway.errors import JobsDown


@pytest.fixture
async def second(each_redis_server: RedisServer, prefix: str) -> AsyncIterator[Jobs]:
    """The same jobs as another process has them."""
    async with jobs_of(each_redis_server, prefix) as opened:
        yield opened


class Callers:
    """Four who submit without a pause; a job that was refused was not accepted."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._stop = asyncio.Event()
        self.accepted: list[str] = []
        self.refused = 0

    async def submit(self, caller: int) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            try:
                new = job(f"{caller}-{number}", seconds=0.01)
                self.accepted.append((await self._jobs.store.submit(new)).id)
            except JobsDown:
                self.refused += 1
                await asyncio.sleep(0.05)

    async def further(self, accepted: int = 0, refused: int = 0) -> None:
        accepted, refused = len(self.accepted) + accepted, self.refused + refused

        async def reached() -> bool:
            return len(self.accepted) >= accepted and self.refused >= refused

        await until(reached)

    def stop(self) -> None:
        self._stop.set()


async def test_redis_killed_under_load_loses_no_accepted_job(
    jobs: Jobs, start_worker: StartWorker, ledger: LedgerServer, each_redis_server: RedisServer
) -> None:
    worker = start_worker(job_lease_seconds=5, job_attempts=20)
    callers = Callers(jobs)
    async with asyncio.TaskGroup() as group:
        for caller in range(4):
            group.create_task(callers.submit(caller))
        for _ in range(2):
            await callers.further(accepted=40)
            await asyncio.to_thread(each_redis_server.kill)
            await callers.further(refused=1)
            await asyncio.to_thread(each_redis_server.start)
        await callers.further(accepted=40)
        callers.stop()
    done = [await jobs.final(each) for each in callers.accepted]
    assert [each.state for each in done] == ["succeeded"] * len(done)
    assert len({each.body for each in done}) == len(done)
    assert worker.child is not None
    assert worker.child.poll() is None
    assert max(each["most"] for each in (await ledger.ledger()).values()) == 1


async def test_an_answer_computed_while_redis_was_away_is_not_lost(
    jobs: Jobs, start_worker: StartWorker, ledger: LedgerServer, each_redis_server: RedisServer
) -> None:
    start_worker(job_lease_seconds=60)
    submitted = await jobs.store.submit(job("k", hold=1))
    await until(lambda: ledger.inside("k"))
    each_redis_server.kill()
    try:
        await ledger.release()

        async def answered() -> bool:
            return (await ledger.ledger())["k"]["answered"] == 1

        await until(answered)
    finally:
        each_redis_server.start()
    done = await jobs.final(submitted.id)
    assert (done.state, done.attempts) == ("succeeded", 1)
    assert (await ledger.ledger())["k"]["calls"] == 1


async def test_a_worker_gives_its_call_up_when_its_lease_cannot_be_renewed(
    jobs: Jobs, start_worker: StartWorker, ledger: LedgerServer, each_redis_server: RedisServer
) -> None:
    start_worker()
    submitted = await jobs.store.submit(job("k", hold=1))
    await until(lambda: ledger.inside("k"))
    each_redis_server.signal(signal.SIGSTOP)
    try:

        async def given_up() -> bool:
            return not await ledger.inside("k")

        await until(given_up)
        assert (await ledger.ledger())["k"]["answered"] == 0
    finally:
        each_redis_server.signal(signal.SIGCONT)
    await until(lambda: ledger.inside("k"))
    await ledger.release()
    done = await jobs.final(submitted.id)
    # Its own give-back is heard as soon as Redis goes on: the attempt that was broken off counts not.
    assert (done.state, done.attempts) == ("succeeded", 1)
    assert (await ledger.ledger())["k"]["most"] == 1


async def test_an_emptied_redis_costs_its_jobs_and_the_worker_goes_on(
    jobs: Jobs, start_worker: StartWorker, ledger: LedgerServer
) -> None:
    worker = start_worker()
    lost = await jobs.store.submit(job("k", hold=1))
    await until(lambda: ledger.inside("k"))

    async def seen() -> bool:
        return await worker.metric("trellis_jobs_backlog", "pending") == 1

    await until(seen)
    await jobs.ask("FLUSHALL")
    assert await jobs.store.get(lost.id) is None
    assert await jobs.store.lost(lost.id)

    async def noticed() -> bool:
        return await worker.metric("trellis_jobs_store_lost_total") >= 1

    await until(noticed)
    await ledger.release()

    async def fenced() -> bool:
        return await worker.metric("trellis_jobs_fenced_total") == 1

    await until(fenced)
    after = await jobs.store.submit(job("after"))
    assert (await jobs.final(after.id)).state == "succeeded"
    assert await jobs.store.get(lost.id) is None


async def test_who_waits_is_woken_by_a_redis_that_came_back(
    jobs: Jobs, second: Jobs, each_redis_server: RedisServer, start_worker: StartWorker
) -> None:
    submitted = await jobs.store.submit(job("k"))
    waiter = asyncio.create_task(second.final(submitted.id))

    async def heard() -> bool:
        return any(int(each["sub"]) for each in await jobs.redis.client_list())

    await until(heard)
    await asyncio.to_thread(each_redis_server.kill)
    await asyncio.to_thread(each_redis_server.start)
    start_worker()
    assert (await waiter).state == "succeeded"


async def test_a_store_without_redis_says_so(jobs: Jobs, each_redis_server: RedisServer) -> None:
    submitted = await jobs.store.submit(job())
    each_redis_server.kill()
    try:
        for call in (
            jobs.store.submit(job()),
            jobs.store.get(submitted.id),
            jobs.store.wait(submitted.id, 1),
            jobs.store.cancel(submitted.id),
            jobs.store.backlog(),
        ):
            with pytest.raises(JobsDown, match="does not answer"):
                await call
    finally:
        each_redis_server.start()
    # The very next call finds it back: dead connections of the pool are not the caller's matter.
    told = await jobs.store.get(submitted.id)
    assert told is not None
    assert told.state == "queued"

import asyncio

from tests.integration.gateway.jobs.test_store import ANSWER, take
from tests.integration.gateway.jobs.workers import SECONDS, Jobs, job, until


async def test_two_thousand_wait_on_one_connection_and_all_are_woken(jobs: Jobs) -> None:
    submitted = [await jobs.store.submit(job(str(number))) for number in range(100)]
    waiters = [asyncio.create_task(jobs.store.wait(each.id, SECONDS)) for each in submitted * 20]
    await until(lambda: _subscribed(jobs))
    assert len(await jobs.redis.client_list()) < 10
    for _ in submitted:
        taken = await take(jobs)
        await jobs.queue.finish(taken.lease, "succeeded", ANSWER)
    loop = asyncio.get_running_loop()
    started = loop.time()
    woken = await asyncio.gather(*waiters)
    assert {each.state for each in woken if each is not None} == {"succeeded"}
    assert len(woken) == 2000
    assert loop.time() - started < SECONDS / 2  # woken, and not run out


async def test_a_wait_ends_with_its_time_and_tells_how_the_job_stands(jobs: Jobs) -> None:
    submitted = await jobs.store.submit(job())
    told = await jobs.store.wait(submitted.id, 0.05)
    assert told is not None
    assert told.state == "queued"
    told = await jobs.store.wait(submitted.id, 0)
    assert told is not None
    assert told.state == "queued"


async def test_a_job_that_ends_while_it_is_looked_at_is_not_waited_for(jobs: Jobs) -> None:
    for _ in range(50):
        submitted = await jobs.store.submit(job())
        taken = await take(jobs)
        waiting = asyncio.create_task(jobs.store.wait(submitted.id, SECONDS))
        await asyncio.sleep(0)
        await jobs.queue.finish(taken.lease, "succeeded", ANSWER)
        async with asyncio.timeout(SECONDS / 2):
            told = await waiting
        assert told is not None
        assert told.final


async def _subscribed(jobs: Jobs) -> bool:
    return any(int(each["sub"]) for each in await jobs.redis.client_list())

"""Workers killed and hung at each step of a job; what was accepted comes out exactly once."""

import asyncio
import signal

from tests.integration.gateway.jobs.conftest import StartWorker
from tests.integration.gateway.jobs.workers import (
    RULES,
    Jobs,
    LedgerServer,
    job,
    until,
)
from tests.integration.redis_server import RedisServer
from trellis.gateway.jobs.keys import GROUP, new_name, read_id
from trellis.gateway.jobs.queue import Answer, Entry, Lease

ANSWER = Answer(200, (), b"a dead worker's")


async def read(jobs: Jobs) -> Entry:
    """What a worker reads that then dies: delivered to it, and not begun."""
    words = ("XREADGROUP", "GROUP", GROUP, "dead", "COUNT", 1, "STREAMS", jobs.keys.stream, ">")
    [(_, [(entry, fields)])] = await jobs.ask(*words)
    return Entry(entry.decode(), fields[b"job"].decode())


async def test_a_job_that_was_read_and_not_begun_is_taken_over(
    jobs: Jobs, start_worker: StartWorker
) -> None:
    submitted = await jobs.store.submit(job("k"))
    entry = await read(jobs)
    worker = start_worker()
    done = await jobs.final(submitted.id)
    assert (done.state, done.attempts) == ("succeeded", 1)
    assert await worker.metric("trellis_jobs_reclaimed_total") == 1
    # And should the dead one not be dead after all: it begins nothing.
    assert await jobs.queue.start(entry, Lease(entry.name, new_name())) is None


async def test_a_job_that_was_begun_is_taken_over_and_the_attempt_counts(
    jobs: Jobs, start_worker: StartWorker
) -> None:
    submitted = await jobs.store.submit(job("k"))
    entry = await read(jobs)
    lease = Lease(entry.name, new_name())
    assert await jobs.queue.start(entry, lease) is not None
    start_worker()
    done = await jobs.final(submitted.id)
    assert (done.state, done.attempts) == ("succeeded", 2)
    assert not await jobs.queue.finish(lease, "succeeded", ANSWER)
    assert await jobs.queue.retry(lease, 0, "late", None) == "fenced"
    assert not await jobs.queue.give_back(lease)
    assert await jobs.store.get(submitted.id) == done


async def test_a_worker_killed_within_a_call_loses_nothing(
    jobs: Jobs, start_worker: StartWorker, ledger: LedgerServer
) -> None:
    worker = start_worker()
    submitted = await jobs.store.submit(job("k", hold=1, idempotency_key="once"))
    await until(lambda: ledger.inside("k"))
    worker.stop(signal.SIGKILL)
    start_worker()

    async def asked_again() -> bool:
        return (await ledger.ledger())["k"]["calls"] == 2

    await until(asked_again)
    await ledger.release()
    done = await jobs.final(submitted.id)
    assert (done.state, done.attempts) == ("succeeded", 2)
    assert done.body == b'{"key":"k","call":2}'
    assert (await ledger.ledger())["k"]["most"] == 1
    again = await jobs.store.submit(job("k", hold=1, idempotency_key="once"))
    assert (again.id, again.created) == (submitted.id, False)


async def test_a_worker_killed_with_its_answer_in_hand_leaves_one_answer(
    jobs: Jobs,
    start_worker: StartWorker,
    ledger: LedgerServer,
    each_redis_server: RedisServer,
) -> None:
    worker = start_worker()
    submitted = await jobs.store.submit(job("k", hold=1))
    await until(lambda: ledger.inside("k"))
    each_redis_server.signal(signal.SIGSTOP)
    try:
        await ledger.release()

        async def answered() -> bool:
            return (await ledger.ledger())["k"]["answered"] == 1

        await until(answered)
        worker.stop(signal.SIGKILL)
    finally:
        each_redis_server.signal(signal.SIGCONT)
    start_worker()
    done = await jobs.final(submitted.id)
    # Its word may have been under way to the hung Redis: then there was one call, else two.
    calls = (await ledger.ledger())["k"]["calls"]
    assert (done.state, done.attempts) == ("succeeded", calls)
    assert done.body == b'{"key":"k","call":%d}' % calls


async def test_a_job_delayed_by_a_worker_that_died_is_tried_again(
    jobs: Jobs, start_worker: StartWorker
) -> None:
    worker = start_worker(job_retry_seconds=2)
    submitted = await jobs.store.submit(job("k", fail=1))

    async def delayed() -> bool:
        return (await jobs.store.backlog()).delayed == 1

    await until(delayed)
    worker.stop(signal.SIGKILL)
    start_worker()
    done = await jobs.final(submitted.id)
    assert (done.state, done.attempts) == ("succeeded", 2)


async def test_a_job_that_kills_every_worker_is_dead_at_last(
    jobs: Jobs, start_worker: StartWorker, ledger: LedgerServer
) -> None:
    submitted = await jobs.store.submit(job("k", hold=1))
    for number in range(1, RULES.attempts + 1):
        worker = start_worker()

        async def asked(call: int = number) -> bool:
            return (await ledger.ledger()).get("k", {}).get("calls", 0) == call

        await until(asked)
        worker.stop(signal.SIGKILL)
    start_worker()
    dead = await jobs.final(submitted.id)
    assert (dead.state, dead.attempts) == ("dead", RULES.attempts)
    assert dead.error == "3 attempts ended with the worker's own end"
    assert (await ledger.ledger())["k"]["calls"] == RULES.attempts


async def test_an_answer_from_beyond_the_lease_is_fenced_off_and_counted(
    jobs: Jobs, start_worker: StartWorker, ledger: LedgerServer
) -> None:
    hung = start_worker()
    submitted = await jobs.store.submit(job("k", hold=1))
    await until(lambda: ledger.inside("k"))
    hung.send(signal.SIGSTOP)
    other = start_worker()

    async def asked_again() -> bool:
        return (await ledger.ledger())["k"]["calls"] == 2

    await until(asked_again)
    await ledger.release()
    done = await jobs.final(submitted.id)
    assert (done.state, done.body) == ("succeeded", b'{"key":"k","call":2}')
    hung.send(signal.SIGCONT)

    async def fenced() -> bool:
        return await hung.metric("trellis_jobs_fenced_total") == 1

    await until(fenced)
    assert await jobs.store.get(submitted.id) == done
    assert await other.metric("trellis_jobs_fenced_total") == 0
    # It goes on as a worker like any other.
    other.stop()
    after = await jobs.store.submit(job("after"))
    assert (await jobs.final(after.id)).state == "succeeded"


async def test_a_long_job_is_left_to_a_worker_that_lives(
    jobs: Jobs, start_worker: StartWorker, ledger: LedgerServer
) -> None:
    # A lease that does not run out where the machine stands still for a second.
    workers = [start_worker(job_lease_seconds=5) for _ in range(2)]
    submitted = await jobs.store.submit(job("k", hold=1))
    await until(lambda: ledger.inside("k"))
    key = jobs.keys.job(read_id(submitted.id).name)  # type: ignore[union-attr]  # it is an id

    async def renewed_often() -> bool:
        return int(await jobs.ask("HGET", key, "beat")) >= 5

    await until(renewed_often)  # more than a lease
    # By Redis's clock nobody has touched it for a day: that clock is not what decides.
    [[entry, _]] = await jobs.ask("XRANGE", jobs.keys.stream, "-", "+")
    [consumer] = await jobs.redis.xpending_range(jobs.keys.stream, GROUP, "-", "+", 10)
    words = ("XCLAIM", jobs.keys.stream, GROUP, consumer["consumer"], 0, entry, "IDLE", 86_400_000)
    await jobs.ask(*words)
    before = int(await jobs.ask("HGET", key, "beat"))

    async def renewed_more() -> bool:
        return int(await jobs.ask("HGET", key, "beat")) >= before + 5

    await until(renewed_more)
    await ledger.release()
    done = await jobs.final(submitted.id)
    assert (done.state, done.attempts) == ("succeeded", 1)
    assert (await ledger.ledger())["k"]["calls"] == 1
    assert sum([await each.metric("trellis_jobs_reclaimed_total") for each in workers]) == 0


async def test_workers_killed_under_load_lose_no_job_and_answer_none_twice(
    jobs: Jobs, start_worker: StartWorker, ledger: LedgerServer
) -> None:
    workers = [start_worker(worker_concurrency=4, job_attempts=20) for _ in range(4)]
    accepted = [
        (await jobs.store.submit(job(f"k{number}", seconds=0.3))).id for number in range(120)
    ]
    for worker, count in zip(workers, (10, 30, 50), strict=False):

        async def finished(enough: int = count) -> bool:
            records = await asyncio.gather(*(jobs.store.get(each) for each in accepted))
            return sum(each is not None and each.final for each in records) >= enough

        await until(finished)
        await asyncio.to_thread(worker.stop, signal.SIGKILL)
    done = [await jobs.final(each) for each in accepted]
    assert [each.state for each in done] == ["succeeded"] * len(accepted)
    assert len({each.body for each in done}) == len(accepted)
    told = await ledger.ledger()
    assert max(each["most"] for each in told.values()) == 1
    assert sum(await jobs.store.backlog()) == 0

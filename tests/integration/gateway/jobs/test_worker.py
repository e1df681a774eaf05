import asyncio
import json
import signal
from pathlib import Path

import pytest

from tests.integration.gateway.jobs.conftest import StartWorker
from tests.integration.gateway.jobs.workers import RULES, Jobs, LedgerServer, job, until
from trellis.gateway.jobs.keys import GROUP, read_id
from trellis.gateway.jobs.types import JobRecord


async def test_a_jobs_answer_is_the_answer_of_the_gateway(
    jobs: Jobs, start_worker: StartWorker
) -> None:
    start_worker()
    submitted = await jobs.store.submit(job("k"))
    done = await jobs.final(submitted.id)
    assert (done.state, done.status, done.attempts) == ("succeeded", 200, 1)
    assert done.body == b'{"key":"k","call":1}'
    headers = dict(done.headers)
    assert headers["content-type"] == "application/json"
    assert headers["x-request-id"] == "k"
    assert "x-model-version" not in headers


async def test_what_people_send_becomes_their_answer(jobs: Jobs, start_worker: StartWorker) -> None:
    start_worker()
    submitted = await jobs.store.submit(job(path="/predict/nothing", model="squares"))
    done = await jobs.final(submitted.id)
    assert (done.state, done.status) == ("failed", 404)
    assert done.error is not None
    assert "nothing" in done.error


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_what_the_predictor_refuses_is_not_tried_again(
    jobs: Jobs, start_worker: StartWorker, ledger: LedgerServer, status: int
) -> None:
    start_worker()
    submitted = await jobs.store.submit(job("k", status=status))
    done = await jobs.final(submitted.id)
    assert (done.state, done.status, done.attempts) == ("failed", status, 1)
    assert (await ledger.ledger())["k"]["calls"] == 1


async def test_a_5xx_is_tried_again_until_it_is_answered(
    jobs: Jobs, start_worker: StartWorker
) -> None:
    worker = start_worker()
    submitted = await jobs.store.submit(job("k", fail=RULES.attempts - 1))
    done = await jobs.final(submitted.id)
    assert (done.state, done.attempts, done.error) == ("succeeded", RULES.attempts, None)
    assert await worker.metric("trellis_jobs_total", "delayed") == RULES.attempts - 1
    assert await worker.metric("trellis_jobs_total", "succeeded") == 1


async def test_a_job_that_fails_too_often_is_dead_and_lives_again_by_a_replay(
    jobs: Jobs, start_worker: StartWorker
) -> None:
    start_worker()
    submitted = await jobs.store.submit(job("k", fail=RULES.attempts))
    dead = await jobs.final(submitted.id)
    assert (dead.state, dead.status, dead.attempts) == ("dead", 503, RULES.attempts)
    assert dead.error == f"not yet, says call {RULES.attempts}"
    await jobs.store.replay(submitted.id)
    done = await jobs.until(submitted.id, "succeeded")
    assert done.attempts == 1


async def test_a_predictor_that_is_down_is_waited_for(
    jobs: Jobs, start_worker: StartWorker, ledger: LedgerServer
) -> None:
    start_worker(job_attempts=50, job_retry_max_seconds=0.2)
    ledger.stop(signal.SIGKILL)
    submitted = await jobs.store.submit(job("k"))

    async def tried() -> bool:
        told = await jobs.store.get(submitted.id)
        return told is not None and told.attempts > 1

    await until(tried)
    ledger.up()
    assert (await jobs.final(submitted.id)).state == "succeeded"


async def test_a_model_that_the_workers_table_lacks_is_tried_again(
    jobs: Jobs, start_worker: StartWorker
) -> None:
    start_worker()
    submitted = await jobs.store.submit(job(path="/v2/models/new/infer", model="new"))
    done = await jobs.final(submitted.id)
    assert (done.state, done.attempts) == ("dead", RULES.attempts)
    assert done.error == "the worker's routing table has no model 'new'"


async def test_a_version_that_the_workers_table_lacks_is_tried_again_until_it_has_it(
    jobs: Jobs, start_worker: StartWorker, ledger: LedgerServer
) -> None:
    worker = start_worker(job_attempts=1000, job_retry_max_seconds=0.1)
    path = "/v2/models/squares/versions/v2/infer"
    submitted = await jobs.store.submit(job("k", path=path, version="v2"))

    async def tried() -> JobRecord | None:
        told = await jobs.store.get(submitted.id)
        return told if told is not None and told.attempts > 1 else None

    waiting = await until(tried)
    assert waiting.error == "the worker's routing table has no version 'v2' of model 'squares'"
    assert "k" not in await ledger.ledger()
    worker.table_file.write_text(json.dumps(ledger.table("v2")))
    done = await jobs.final(submitted.id)
    assert (done.state, done.status) == ("succeeded", 200)


async def test_the_deadline_ends_a_call(
    jobs: Jobs, start_worker: StartWorker, ledger: LedgerServer
) -> None:
    start_worker()
    submitted = await jobs.store.submit(job("k", hold=1, deadline_seconds=1.0))
    done = await jobs.final(submitted.id)
    assert (done.state, done.error) == ("dead", "the job's deadline passed before it was answered")

    async def broken_off() -> bool:
        return not await ledger.inside("k")

    await until(broken_off)
    assert (await ledger.ledger())["k"]["answered"] == 0


async def test_an_answer_over_the_bound_is_not_kept_and_not_asked_for_again(
    jobs: Jobs, start_worker: StartWorker
) -> None:
    start_worker(job_max_body_bytes=15)
    submitted = await jobs.store.submit(job("a long key"))
    done = await jobs.final(submitted.id)
    assert (done.state, done.status, done.attempts) == ("failed", 502, 1)
    assert done.error == "the answer is over the limit of 15 bytes"


async def test_a_cancelled_job_leaves_its_predictor_at_once(
    jobs: Jobs, start_worker: StartWorker, ledger: LedgerServer
) -> None:
    worker = start_worker(job_lease_seconds=60)
    submitted = await jobs.store.submit(job("k", hold=1))
    await until(lambda: ledger.inside("k"))
    cancelled = await jobs.store.cancel(submitted.id)
    assert cancelled is not None

    async def broken_off() -> bool:
        return not await ledger.inside("k")

    await until(broken_off)
    await ledger.release()
    assert await jobs.store.get(submitted.id) == cancelled
    assert cancelled.state == "cancelled"
    assert await worker.metric("trellis_jobs_fenced_total") == 0


async def test_two_workers_share_the_jobs_and_no_job_is_asked_twice(
    jobs: Jobs, start_worker: StartWorker, ledger: LedgerServer
) -> None:
    workers = [start_worker(worker_concurrency=4, job_lease_seconds=30) for _ in range(2)]
    submitted = await asyncio.gather(
        *(jobs.store.submit(job(f"k{number}", seconds=0.02)) for number in range(120))
    )
    done = await asyncio.gather(*(jobs.final(each.id) for each in submitted))
    assert {each.state for each in done} == {"succeeded"}
    told = await ledger.ledger()
    assert len(told) == 120
    assert all(each["calls"] == 1 for each in told.values())
    shares = [await worker.metric("trellis_jobs_total", "succeeded") for worker in workers]
    assert sum(shares) == 120
    assert min(shares) > 0


async def test_a_worker_that_is_told_to_stop_finishes_what_it_runs_and_leaves(
    jobs: Jobs, start_worker: StartWorker, ledger: LedgerServer
) -> None:
    worker = start_worker(worker_concurrency=1, job_lease_seconds=5)
    running = await jobs.store.submit(job("running", hold=1))
    await until(lambda: ledger.inside("running"))
    waiting = await jobs.store.submit(job("waiting"))
    worker.send(signal.SIGTERM)
    key = jobs.keys.job(read_id(running.id).name)  # type: ignore[union-attr]  # it is an id
    before = int(await jobs.ask("HGET", key, "beat"))

    async def renewed() -> bool:
        return int(await jobs.ask("HGET", key, "beat")) >= before + 2

    await until(renewed)  # while it drains
    await ledger.release()
    assert await asyncio.to_thread(worker.child.wait, 30) == 0  # type: ignore[union-attr]  # it was started
    done = await jobs.store.get(running.id)
    assert done is not None
    assert (done.state, done.attempts) == ("succeeded", 1)
    left = await jobs.store.get(waiting.id)
    assert left is not None
    assert left.state == "queued"
    [group] = await jobs.redis.xinfo_groups(jobs.keys.stream)
    assert (group["consumers"], group["pending"]) == (0, 0)


@pytest.mark.parametrize("concurrency", [1, 16], ids=["every slot busy", "slots free"])
async def test_what_cannot_be_finished_in_time_is_given_back(
    jobs: Jobs, start_worker: StartWorker, ledger: LedgerServer, concurrency: int
) -> None:
    worker = start_worker(grace_period=0.2, job_lease_seconds=60, worker_concurrency=concurrency)
    submitted = await jobs.store.submit(job("k", hold=1))
    await until(lambda: ledger.inside("k"))
    assert await asyncio.to_thread(worker.stop) == 0
    left = await jobs.store.get(submitted.id)
    assert left is not None
    assert (left.state, left.attempts) == ("queued", 0)
    start_worker()
    await until(lambda: ledger.inside("k"))
    await ledger.release()
    done = await jobs.final(submitted.id)
    assert (done.state, done.attempts) == ("succeeded", 1)
    assert (await ledger.ledger())["k"]["most"] == 1


async def test_a_worker_without_redis_says_so(tmp_path: Path) -> None:
    import subprocess
    import sys

    argv = [sys.executable, "-m", "trellis.gateway.worker", "--routing_table_file=x"]
    ended = await asyncio.to_thread(subprocess.run, argv, capture_output=True, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"redis_url: ")


async def test_the_group_is_the_one_that_autoscaling_names(jobs: Jobs) -> None:
    await jobs.store.submit(job())
    [group] = await jobs.redis.xinfo_groups(jobs.keys.stream)
    assert group["name"] == GROUP.encode() == b"workers"
    assert jobs.keys.stream.endswith(":{jobs}:stream")

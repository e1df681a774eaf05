"""A job is one exposure, however often it was tried: that of the attempt which ended it."""

import asyncio
import signal

import pytest

from tests.integration.gateway.jobs.conftest import StartWorker
from tests.integration.gateway.jobs.workers import RULES, Jobs, LedgerServer, job, until
from trellis.contracts.events import Exposure
from trellis.gateway.attempt import CLIENT_GONE
from trellis.gateway.events.keys import EventKeys


@pytest.fixture
def recording(ledger: LedgerServer) -> LedgerServer:
    """The ledger, whose table has exposures recorded."""
    ledger.route = {"record": True, "experiment": "squares"}
    return ledger


async def exposures(jobs: Jobs, prefix: str) -> list[tuple[str, int]]:
    """Request and status of each, in their order."""
    entries = await jobs.ask("XRANGE", EventKeys(prefix).exposures, "-", "+")
    found = [Exposure.model_validate_json(fields[b"event"]) for _, fields in entries]
    return [(exposure.request_id, exposure.code) for exposure in found]


@pytest.mark.usefixtures("recording")
async def test_a_job_that_is_tried_again_is_one_exposure(
    jobs: Jobs, prefix: str, start_worker: StartWorker
) -> None:
    worker = start_worker()
    for key, fail in (("tried-again", RULES.attempts - 1), ("dead", RULES.attempts)):
        submitted = await jobs.store.submit(job(key, fail=fail))
        assert (await jobs.final(submitted.id)).attempts == RULES.attempts
    refused = await jobs.store.submit(job("refused", status=422))
    assert (await jobs.final(refused.id)).attempts == 1
    # A worker that ends writes what it holds.
    assert await asyncio.to_thread(worker.stop) == 0
    assert await exposures(jobs, prefix) == [("tried-again", 200), ("dead", 503), ("refused", 422)]


async def test_so_is_one_of_people(
    jobs: Jobs, prefix: str, recording: LedgerServer, start_worker: StartWorker
) -> None:
    worker = start_worker()
    recording.stop(signal.SIGKILL)
    submitted = await jobs.store.submit(job("k", path="/predict/squares", body=b'{"text": "a"}'))
    dead = await jobs.final(submitted.id)
    assert (dead.state, dead.status, dead.attempts) == ("dead", 503, RULES.attempts)
    assert await asyncio.to_thread(worker.stop) == 0
    assert await exposures(jobs, prefix) == [("k", 503)]


async def test_a_job_that_is_cancelled_while_it_runs_is_a_caller_who_left(
    jobs: Jobs, prefix: str, recording: LedgerServer, start_worker: StartWorker
) -> None:
    worker = start_worker()
    submitted = await jobs.store.submit(job("k", hold=1))
    await until(lambda: recording.inside("k"))
    await jobs.store.cancel(submitted.id)

    async def broken_off() -> bool:
        return not await recording.inside("k")

    await until(broken_off)
    assert await asyncio.to_thread(worker.stop) == 0
    assert await exposures(jobs, prefix) == [("k", CLIENT_GONE)]


async def test_an_answer_that_is_fenced_off_is_no_exposure(
    jobs: Jobs, prefix: str, recording: LedgerServer, start_worker: StartWorker
) -> None:
    hung = start_worker()
    submitted = await jobs.store.submit(job("k", hold=1))
    await until(lambda: recording.inside("k"))
    hung.send(signal.SIGSTOP)
    other = start_worker()

    async def asked_again() -> bool:
        return (await recording.ledger())["k"]["calls"] == 2

    await until(asked_again)
    await recording.release()
    assert (await jobs.final(submitted.id)).state == "succeeded"
    hung.send(signal.SIGCONT)

    async def fenced() -> bool:
        return await hung.metric("trellis_jobs_fenced_total") == 1

    await until(fenced)
    for worker in (hung, other):
        assert await asyncio.to_thread(worker.stop) == 0
    assert await exposures(jobs, prefix) == [("k", 200)]

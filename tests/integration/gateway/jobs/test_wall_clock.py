"""Redis's and the worker's wall clocks jump; leases, attempts and retries do not care."""

import shutil
import struct
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.gateway.jobs.workers import (
    Jobs,
    LedgerServer,
    WorkerProcess,
    job,
    jobs_of,
    until,
)
from tests.integration.redis_server import RedisServer, programs
from trellis.gateway.jobs.keys import read_id

HOUR = 3600
Jump = Callable[[int], None]

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")


@pytest.fixture
def jump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jump:
    """Shifts the wall clock of every process that is started after this by so many seconds."""
    source = Path(__file__).with_name("shifted_clock.c")
    library, file = tmp_path / "shifted_clock.so", tmp_path / "shift"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    file.write_bytes(struct.pack("q", 0))
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("SHIFTED_CLOCK", str(file))

    def shift(seconds: int) -> None:
        with file.open("r+b") as opened:
            opened.write(struct.pack("q", seconds))

    return shift


@pytest.fixture(params=programs(), ids=lambda program: program.parent.parent.name)
def shifted_redis(
    request: pytest.FixtureRequest, tmp_path: Path, jump: Jump
) -> Iterator[RedisServer]:
    jump(0)  # it is preloaded into what is started from here on
    server = RedisServer(tmp_path, request.param)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def shifted_jobs(shifted_redis: RedisServer, prefix: str) -> AsyncIterator[Jobs]:
    async with jobs_of(shifted_redis, prefix) as opened:
        yield opened


@pytest.fixture
def workers(
    shifted_redis: RedisServer, tmp_path: Path, prefix: str, ledger: LedgerServer
) -> Iterator[list[WorkerProcess]]:
    """Two, for one would have nobody to take its jobs from it."""
    lease = {"job_lease_seconds": 5, "job_retry_seconds": 30, "job_retry_max_seconds": 1}
    both = [
        WorkerProcess(tmp_path, f"worker-{number}", shifted_redis.url, prefix, ledger, **lease)
        for number in range(2)
    ]
    for worker in both:
        worker.up()
    yield both
    for worker in both:
        worker.stop()


async def test_the_clock_is_really_shifted(shifted_jobs: Jobs, jump: Jump) -> None:
    before = (await shifted_jobs.redis.time())[0]
    jump(HOUR)
    assert HOUR <= (await shifted_jobs.redis.time())[0] - before < HOUR + 60


@pytest.mark.parametrize("seconds", [HOUR, -2 * HOUR], ids=["forward", "back"])
async def test_a_jump_of_the_clock_takes_no_job_from_its_worker(
    shifted_jobs: Jobs, workers: list[WorkerProcess], ledger: LedgerServer, jump: Jump, seconds: int
) -> None:
    jobs = shifted_jobs
    submitted = await jobs.store.submit(job("k", hold=1, deadline_seconds=10 * HOUR))
    await until(lambda: ledger.inside("k"))
    jump(seconds)
    key = jobs.keys.job(read_id(submitted.id).name)  # type: ignore[union-attr]  # it is an id
    before = int(await jobs.ask("HGET", key, "beat"))

    async def renewed_over_a_lease() -> bool:
        return int(await jobs.ask("HGET", key, "beat")) >= before + 5

    await until(renewed_over_a_lease)
    await ledger.release()
    done = await jobs.final(submitted.id)
    assert (done.state, done.attempts) == ("succeeded", 1)
    assert (await ledger.ledger())["k"]["calls"] == 1
    assert sum([await each.metric("trellis_jobs_fenced_total") for each in workers]) == 0


@pytest.mark.usefixtures("workers")
async def test_a_retry_is_not_held_by_a_clock_that_goes_back(
    shifted_jobs: Jobs, jump: Jump
) -> None:
    jobs = shifted_jobs
    submitted = await jobs.store.submit(job("k", fail=1, deadline_seconds=10 * HOUR))

    async def delayed() -> bool:
        return (await jobs.store.backlog()).delayed == 1

    await until(delayed)
    jump(-2 * HOUR)
    done = await jobs.final(submitted.id)
    assert (done.state, done.attempts) == ("succeeded", 2)

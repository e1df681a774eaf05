import signal
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.gateway.jobs.workers import Jobs, LedgerServer, WorkerProcess, jobs_of
from tests.integration.redis_server import RedisServer

StartWorker = Callable[..., WorkerProcess]


@pytest.fixture
def prefix() -> str:
    """Keys of one test."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def jobs(each_redis_server: RedisServer, prefix: str) -> AsyncIterator[Jobs]:
    async with jobs_of(each_redis_server, prefix) as opened:
        yield opened


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[LedgerServer]:
    server = LedgerServer(tmp_path)
    server.up()
    yield server
    server.stop(signal.SIGKILL)


@pytest.fixture
def start_worker(
    tmp_path: Path, prefix: str, each_redis_server: RedisServer, ledger: LedgerServer
) -> Iterator[StartWorker]:
    """Starts workers with the settings given, and waits until ``path`` answers 200; none outlives
    the test.
    """
    started: list[WorkerProcess] = []

    def start(path: str = "/health", **settings: object) -> WorkerProcess:
        name = f"worker-{len(started)}"
        worker = WorkerProcess(tmp_path, name, each_redis_server.url, prefix, ledger, **settings)
        started.append(worker)
        worker.up(path)
        return worker

    yield start
    for worker in started:
        assert worker.child is not None
        if worker.child.poll() is None:
            worker.stop(signal.SIGKILL)

"""Real workers and a predictor that counts, for the tests of jobs."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from tests.integration.gateway.processes import Process, ask, get, table_of, wait_for
from tests.integration.ports import free_port
from tests.integration.redis_server import RedisServer
from trellis.gateway.jobs.keys import JobKeys
from trellis.gateway.jobs.pipe import Pipe
from trellis.gateway.jobs.queue import JobQueue, Rules
from trellis.gateway.jobs.store import Bounds, JobStore
from trellis.gateway.jobs.types import JobRecord, NewJob
from trellis.gateway.jobs.waiting import Waiting
from trellis.gateway.redis_clients import blocking_redis, durable_redis
from trellis.telemetry.metrics import GatewayMetrics

T = TypeVar("T")

#: A condition that has not come about by then will not; a busy machine needs far less.
SECONDS = 60.0
LEASE_SECONDS = 1.5
RULES = Rules(attempts=3, result_seconds=3600, dead_seconds=7200, longest_pause=60.0)


def job(key: str = "a", **more: Any) -> NewJob:
    """A request that the ledger knows by ``key``; what is for the ledger goes with it."""
    for_ledger = ("hold", "fail", "seconds", "status")
    told = {f"x-{name}": str(more.pop(name)) for name in for_ledger if name in more}
    headers = {"content-type": "application/json", "x-request-id": key, "x-key": key, **told}
    fields: dict[str, Any] = {
        "method": "POST",
        "path": "/v2/models/squares/infer",
        "headers": tuple(headers.items()),
        "body": b'{"inputs": []}',
        "model": "squares",
        "deadline_seconds": 600.0,
        **more,
    }
    return NewJob(**fields)


class Jobs:
    """One prefix of one Redis, as the gateway and as a worker see it."""

    def __init__(self, redis: Redis, listening: Redis, prefix: str, backlog: int) -> None:
        self.redis = redis
        self.pipe = Pipe(redis, ())
        self.keys = JobKeys(prefix)
        self.registry = CollectorRegistry()
        metrics = GatewayMetrics(self.registry)
        self.waiting = Waiting(listening, self.keys)
        bounds = Bounds(backlog, RULES.result_seconds)
        self.store = JobStore(redis, self.keys, bounds, self.waiting, metrics)
        self.queue = JobQueue(redis, self.keys, RULES, metrics)

    async def ask(self, *words: str | bytes | float) -> Any:
        """A command of Redis, and its answer."""
        return await self.pipe.ask(*words)

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    async def final(self, job_id: str) -> JobRecord:
        """The job once it is final."""
        record = await self.store.wait(job_id, SECONDS)
        assert record is not None
        assert record.final, record
        return record

    async def until(self, job_id: str, *states: str) -> JobRecord:
        """The job once it is in one of ``states``."""

        async def there() -> JobRecord | None:
            record = await self.store.get(job_id)
            assert record is not None
            return record if record.state in states else None

        return await until(there)


@asynccontextmanager
async def jobs_of(server: RedisServer, prefix: str, backlog: int = 1000) -> AsyncIterator[Jobs]:
    redis, listening = durable_redis(server.url), blocking_redis(server.url, 10)
    jobs = Jobs(redis, listening, prefix, backlog)
    heard = asyncio.create_task(jobs.waiting.run())
    try:
        yield jobs
    finally:
        heard.cancel()
        await asyncio.gather(heard, return_exceptions=True)
        await redis.aclose()
        await listening.aclose()


async def until(look: Callable[[], Awaitable[T | None]]) -> T:
    """What ``look`` returns once that is true."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + SECONDS
    while not (seen := await look()):
        assert loop.time() < give_up, "the condition never came about"
        await asyncio.sleep(0.02)
    return seen


class LedgerServer(Process):
    """``ledger_server.py`` on a free port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        #: What its table says of the model, beside the arm.
        self.route: dict[str, Any] = {}
        script = str(Path(__file__).with_name("ledger_server.py"))
        super().__init__([sys.executable, script, "--port", str(self.port)], folder / "ledger.log")

    def up(self) -> None:
        self.start()
        wait_for(f"{self.url}/ledger", self)

    async def ledger(self) -> dict[str, dict[str, int]]:
        """Calls, calls now, most calls at once, and answers, by job."""
        told: dict[str, dict[str, int]] = json.loads(
            (await asyncio.to_thread(get, f"{self.url}/ledger"))[2]
        )
        return told

    async def inside(self, key: str) -> bool:
        """Whether a call of the job is under way."""
        return (await self.ledger()).get(key, {}).get("now", 0) > 0

    async def release(self) -> None:
        await asyncio.to_thread(ask, "POST", f"{self.url}/release", b"")

    def table(self, version: str = "v1") -> dict[str, Any]:
        """A table with only that version."""
        arm = {"url": self.url, "model": "squares", "version": version, "revision": f"{version}-1"}
        return table_of({"squares": {"arms": [{**arm, "intervals": [[0, 1]]}], **self.route}})


class WorkerProcess(Process):
    """``python -m trellis.gateway.worker`` before a ledger."""

    def __init__(
        self, folder: Path, name: str, url: str, prefix: str, ledger: LedgerServer, **settings: Any
    ) -> None:
        self.port = free_port()
        self.table_file = folder / f"{name}.json"
        self.table_file.write_text(json.dumps(ledger.table()))
        flags = {
            "host": "127.0.0.1",
            "worker_port": self.port,
            "redis_url": url,
            "redis_prefix": prefix,
            "routing_table_file": self.table_file,
            "cookie_secret": "a secret of the tests",
            "connect_wait": 0,
            "job_lease_seconds": LEASE_SECONDS,
            "job_attempts": RULES.attempts,
            "job_retry_seconds": 0.05,
            "grace_period": 30,
            **settings,
        }
        argv = [f"--{flag}={value}" for flag, value in flags.items()]
        log = folder / f"{name}.log"
        super().__init__([sys.executable, "-m", "trellis.gateway.worker", *argv], log)

    def up(self, path: str = "/health") -> None:
        self.start()
        wait_for(f"http://127.0.0.1:{self.port}{path}", self)

    async def metric(self, name: str, label: str = "") -> float:
        """Sum of the samples of ``name`` whose labels contain ``label``."""
        page = await asyncio.to_thread(get, f"http://127.0.0.1:{self.port}/metrics")
        total = 0.0
        for line in page[2].decode().splitlines():
            series, _, value = line.rpartition(" ")
            if series.partition("{")[0] == name and label in series:
                total += float(value)
        return total

"""An attempt whose start Redis did not answer in time, and may have begun when nobody listened."""

import asyncio
import signal
from typing import Any

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.integration.gateway.jobs.test_store import ANSWER, read, take
from tests.integration.gateway.jobs.workers import Jobs, job, until
from tests.integration.redis_server import RedisServer
from trellis.contracts.events import Exposure
from trellis.gateway.ejection import Rules
from trellis.gateway.healths import Healths
from trellis.gateway.jobs.execution import Execution
from trellis.gateway.jobs.lease import Leases
from trellis.gateway.metering import Meters
from trellis.gateway.routing_table import TableHolder
from trellis.gateway.worker.attempt import Attempts
from trellis.telemetry.metrics import GatewayMetrics
from trellis.web.pauses import Pauses


async def nobody(_scope: Any, _receive: Any, _send: Any) -> None:
    raise AssertionError("nothing is asked")


def no_exposure(_exposure: Exposure) -> None:
    raise AssertionError("nothing was met")


def attempts(jobs: Jobs) -> Attempts:
    metrics = GatewayMetrics(CollectorRegistry())
    holder = TableHolder(metrics, Meters(metrics), Healths(metrics, Rules(5, 5.0)))
    leases = Leases(jobs.redis, jobs.keys, 60.0)
    execution = Execution(nobody, 1000)
    return Attempts(jobs.queue, leases, execution, holder, Pauses(0.1, 0.1), no_exposure)


async def test_a_start_that_was_not_heard_of_costs_the_job_no_attempt_and_no_time(
    jobs: Jobs, each_redis_server: RedisServer
) -> None:
    jobs.redis.connection_pool.connection_kwargs["socket_timeout"] = 0.3
    submitted = await jobs.store.submit(job())
    entry = await read(jobs)
    each_redis_server.signal(signal.SIGSTOP)
    try:
        with capture_logs() as log:
            attempt = asyncio.create_task(attempts(jobs).run(entry))

            async def start_was_in_vain() -> bool:
                return any(line["event"] == "jobs' Redis failed" for line in log)

            await until(start_was_in_vain)
    finally:
        each_redis_server.signal(signal.SIGCONT)
    async with asyncio.timeout(60):
        await attempt
    told = await jobs.store.get(submitted.id)
    assert told is not None
    assert (told.state, told.attempts) == ("queued", 0)
    taken = await take(jobs)
    assert taken.work is not None
    assert taken.work.attempt == 1
    assert await jobs.queue.finish(taken.lease, "succeeded", ANSWER)
    assert sum(await jobs.store.backlog()) == 0

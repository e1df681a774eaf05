"""What was sent when a worker ends is answered before its connections are closed."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tests.integration.gateway.jobs.workers import RULES, Jobs, until
from trellis.gateway.jobs.lease import Leases
from trellis.gateway.jobs.queue import Lease
from trellis.gateway.jobs.reclaim import Reclaimer
from trellis.telemetry.metrics import GatewayMetrics

Part = tuple[Leases | Reclaimer, Coroutine[Any, Any, None]]


def leases(jobs: Jobs) -> Part:
    """With a lease to renew."""
    made = Leases(jobs.redis, jobs.keys, 60.0)

    async def run() -> None:
        since = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(made.guard(Lease("a", "b"), since, asyncio.sleep(60)))
            # The lease is held by the time it is renewed.
            await asyncio.sleep(0)
            tasks.create_task(made.renew())

    return made, run()


def reclaimer(jobs: Jobs) -> Part:
    beside = Leases(jobs.redis, jobs.keys, 60.0)
    metrics = GatewayMetrics(CollectorRegistry())
    made = Reclaimer(jobs.redis, jobs.keys, RULES, 60.0, beside, metrics)
    return made, made.run()


@pytest.mark.parametrize("part", [leases, reclaimer])
async def test_a_part_that_has_settled_uses_no_connection(
    jobs: Jobs, part: Callable[[Jobs], Part]
) -> None:
    await jobs.ask("CLIENT", "PAUSE", 500)
    made, run = part(jobs)
    task = asyncio.create_task(run)

    async def sent() -> bool:
        return bool(jobs.redis.connection_pool._in_use_connections)

    await until(sent)
    task.cancel()
    await asyncio.wait({task})
    assert await sent()
    await made.settle()
    assert not await sent()

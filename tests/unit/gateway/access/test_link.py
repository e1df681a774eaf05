import asyncio

import pytest
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from trellis.gateway.access.link import Link
from trellis.telemetry.metrics import GatewayMetrics


async def test_a_cancellation_in_the_moment_of_an_answer_is_not_lost() -> None:
    """As the Redis client loses one: it writes within ``asyncio.wait_for`` (until Python 3.12)."""
    link = Link(Redis(), GatewayMetrics(CollectorRegistry()))
    answer = asyncio.get_running_loop().create_future()
    calling = asyncio.create_task(link.call(lambda: asyncio.wait_for(answer, 60)))
    await asyncio.sleep(0)
    answer.set_result("written")
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling


async def test_what_a_task_does_after_it_was_cancelled_is_done() -> None:
    link = Link(Redis(), GatewayMetrics(CollectorRegistry()))
    done = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            done.append(await link.call(lambda: asyncio.sleep(0, "last words")))

    working = asyncio.create_task(work())
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert done == ["last words"]

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from trellis.gateway.jobs import long_polls
from trellis.gateway.jobs.long_polls import LongPolls
from trellis.telemetry.metrics import GatewayMetrics


def new_polls() -> LongPolls:
    return LongPolls(GatewayMetrics(CollectorRegistry()))


async def wait_in(polls: LongPolls) -> str:
    try:
        async with asyncio.timeout(3600) as waiting:
            with polls.joined(waiting):
                await asyncio.Event().wait()
    except TimeoutError:
        return "ended"
    return "never"


async def test_a_drain_ends_every_wait_and_allows_no_more() -> None:
    polls = new_polls()
    waiting = [asyncio.create_task(wait_in(polls)) for _ in range(3)]
    await asyncio.sleep(0)
    assert polls.welcome
    polls.end()
    assert await asyncio.gather(*waiting) == ["ended"] * 3
    assert not polls.welcome


async def test_a_wait_that_is_just_ending_does_not_disturb_the_drain() -> None:
    polls = new_polls()

    async def drained_while_ending() -> None:
        async with asyncio.timeout(0) as waiting:
            with polls.joined(waiting):
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    polls.end()
                    raise

    with pytest.raises(TimeoutError):
        await drained_while_ending()


async def test_only_so_many_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_polls, "AT_ONCE", 2)
    polls = new_polls()
    waiting = [asyncio.create_task(wait_in(polls)) for _ in range(2)]
    await asyncio.sleep(0)
    assert not polls.welcome
    polls.end()
    await asyncio.gather(*waiting)

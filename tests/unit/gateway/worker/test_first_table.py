import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from tests.unit.gateway.test_routing_table import Holding, document
from trellis.gateway.routing_table import TableHolder
from trellis.gateway.worker.first_table import first_table

FOREVER = 3600.0


@pytest.fixture
def holder() -> TableHolder:
    return Holding().holder


@asynccontextmanager
async def waiting(
    holder: TableHolder, source: str, stop: asyncio.Event, patience: float
) -> AsyncIterator[Callable[[], bool]]:
    """Whether it still waits; at the context's end it must not."""
    task = asyncio.create_task(first_table(holder, source, stop, patience))
    try:
        yield lambda: not task.done()
        async with asyncio.timeout(30):
            await task
    finally:
        task.cancel()


@pytest.mark.parametrize("source", ["file", "url"])
async def test_the_table_of_the_source_is_waited_for_and_enough(
    holder: TableHolder, source: str
) -> None:
    async with waiting(holder, source, asyncio.Event(), FOREVER):
        await asyncio.sleep(0)
        assert holder.offer(document(1), source)


async def test_a_table_of_another_source_is_not_enough(
    holder: TableHolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    async def look(stop: asyncio.Event) -> None:
        nonlocal looks
        looks += 1
        assert not stop.is_set()
        if looks == 10:
            assert holder.offer(document(2), "url")

    monkeypatch.setattr("trellis.gateway.worker.first_table._a_moment", look)
    assert holder.offer(document(1), "file")
    await first_table(holder, "url", asyncio.Event(), FOREVER)
    assert looks == 10


async def test_after_a_while_any_table_will_do_and_the_log_says_so(holder: TableHolder) -> None:
    with capture_logs() as log:
        async with waiting(holder, "url", asyncio.Event(), 0.0):
            await asyncio.sleep(0)
            assert holder.offer(document(1), "file")
    assert "jobs are run by a table that may be old" in {line["event"] for line in log}


async def test_a_worker_that_is_to_end_waits_for_no_table(holder: TableHolder) -> None:
    stop = asyncio.Event()
    async with waiting(holder, "url", stop, 0.0) as waits:
        await asyncio.sleep(0)
        assert waits()
        stop.set()

"""Exposures on their way to a Redis that is there, away, hung, or gone for good."""

import asyncio
import itertools
import json
import math
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from tests.integration.redis_server import RedisServer
from tests.unit.gateway.events.exposures import exposure
from trellis.gateway.errors import EventsDown
from trellis.gateway.events import exposure_log
from trellis.gateway.events.exposure_log import ExposureLog
from trellis.gateway.events.store import EventStore
from trellis.gateway.redis_clients import durable_redis
from trellis.telemetry.metrics import GatewayMetrics

WAIT_SECONDS = 60.0


class Logged:
    """A log, its metrics and the Redis behind it."""

    def __init__(self, url: str, capacity: int) -> None:
        self.redis: Any = durable_redis(url)
        self.store = EventStore(self.redis, f"test-{uuid4().hex[:12]}", 2**20, 2**20)
        self.registry = CollectorRegistry()
        metrics = GatewayMetrics(self.registry)
        self.windows: dict[str, float] = {}
        self.log = ExposureLog(
            self.store, lambda model: self.windows.get(model, 60), metrics, capacity
        )

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    async def ids(self) -> list[str]:
        entries = await self.redis.xrange(self.store.keys.exposures)
        return [json.loads(fields[b"event"])["requestId"] for _, fields in entries]


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not await holds():  # noqa: ASYNC110 - what is awaited is another process
            await asyncio.sleep(0.02)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


@asynccontextmanager
async def running(server: RedisServer, capacity: int = 10_000) -> AsyncIterator[Logged]:
    """A log whose task ends with the context, as the gateway's does."""
    logged = Logged(server.url, capacity)
    task = asyncio.create_task(logged.log.run())
    await asyncio.sleep(0)
    try:
        yield logged
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await logged.redis.aclose()


async def test_all_arrive_in_order_and_in_batches(server: RedisServer) -> None:
    async with running(server) as logged:
        names = [f"r{place}" for place in range(1000)]
        for name in names:
            logged.log.met(exposure(name))
        await until(lambda: _held(logged, 0))
        assert await logged.ids() == names
        assert logged.metric("trellis_exposures_total", experiment="colours", arm="leaf-1") == 1000


async def test_the_hot_path_never_waits_for_a_hung_redis(server: RedisServer) -> None:
    async with running(server) as logged:
        logged.log.met(exposure("before"))
        await until(lambda: _held(logged, 0))
        server.signal(signal.SIGSTOP)
        try:
            for place in range(2000):
                logged.log.met(exposure(f"r{place}"))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await logged.log.flush()
            logged.log.met(exposure("r2000"))
            assert logged.log.held == 2001
        finally:
            server.signal(signal.SIGCONT)
        await until(lambda: _held(logged, 0))
        # What timed out may have been written: sent again, it is there once.
        assert len(await logged.ids()) == len(set(await logged.ids())) == 2002


async def test_a_redis_that_was_away_gets_all_that_was_held(server: RedisServer) -> None:
    async with running(server) as logged:
        server.kill()
        for place in range(300):
            logged.log.met(exposure(f"r{place}"))
        with pytest.raises(EventsDown):
            await logged.log.flush()
        assert logged.log.held == 300
        server.start()
        await until(lambda: _held(logged, 0))
        assert await logged.ids() == [f"r{place}" for place in range(300)]
        assert await logged.store.counts("colours") == {
            "exposures:leaf-1": "300",
            "version:leaf-1": "v1",
            "units:leaf-1": "1",
        }


async def test_what_is_beyond_the_buffer_is_counted_and_told_when_redis_is_back(
    server: RedisServer,
) -> None:
    async with running(server, capacity=100) as logged:
        server.kill()
        for place in range(150):
            logged.log.met(exposure(f"r{place}"))
        assert logged.log.held == 100
        assert logged.metric("trellis_events_dropped_total", reason="buffer") == 50
        server.start()
        await until(lambda: _held(logged, 0))
        await logged.log.flush()
        assert (await logged.store.counts("colours"))["dropped"] == "50"
        assert len(await logged.ids()) == 100


async def test_a_flush_ends_while_more_comes(server: RedisServer) -> None:
    logged = Logged(server.url, 10**9)

    async def load() -> None:
        for number in itertools.count():
            logged.log.met(exposure(f"r{number}"))
            if number % 200 == 0:
                await asyncio.sleep(0)

    loading = asyncio.create_task(load())
    async with logged.redis:
        try:
            await until(lambda: _more(logged, 0))
            held = logged.log.held
            async with asyncio.timeout(10):
                await logged.log.flush()
        finally:
            loading.cancel()
            await asyncio.gather(loading, return_exceptions=True)
        counts = await logged.store.counts("colours")
        assert int(counts["exposures:leaf-1"]) >= held
        assert logged.log.held > 0


async def test_what_cannot_be_written_is_counted_and_holds_up_nothing(server: RedisServer) -> None:
    async with running(server) as logged:
        logged.windows["odd"] = math.inf
        logged.log.met(exposure("r1", model="odd"))
        await until(lambda: _held(logged, 0))
        assert logged.metric("trellis_events_dropped_total", reason="unwritable") == 1
        logged.log.met(exposure("r2"))
        await until(lambda: _held(logged, 0))
        await logged.log.flush()
        assert await logged.ids() == ["r2"]
        assert (await logged.store.counts("colours"))["dropped"] == "1"


async def test_the_end_of_the_process_writes_what_is_held(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exposure_log, "GATHER_SECONDS", 3600)
    async with running(server) as logged:
        logged.log.met(exposure("r1"))
    async with running(server) as other:
        assert await other.redis.xlen(logged.store.keys.exposures) == 1


async def test_a_process_that_ends_without_redis_counts_what_it_takes_along(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exposure_log, "LAST_SECONDS", 0.2)
    async with running(server) as logged:
        server.kill()
        for place in range(7):
            logged.log.met(exposure(f"r{place}"))
    assert logged.metric("trellis_events_dropped_total", reason="ended") == 7


async def test_without_a_redis_exposures_are_counted_only() -> None:
    registry = CollectorRegistry()
    log = ExposureLog(None, lambda _model: 60, GatewayMetrics(registry), 10)
    for place in range(20):
        log.met(exposure(f"r{place}", experiment=None))
    assert log.held == 0
    await log.flush()
    labels = {"experiment": "", "arm": "leaf-1"}
    assert registry.get_sample_value("trellis_exposures_total", labels) == 20
    no_redis = {"reason": "no_redis"}
    assert registry.get_sample_value("trellis_events_dropped_total", no_redis) == 20


async def _more(logged: Logged, count: int) -> bool:
    return logged.log.held > count


async def _held(logged: Logged, count: int) -> bool:
    return logged.log.held == count

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from tests.integration.redis_server import RedisServer
from tests.unit.gateway.cache.targets import asked, target_of
from trellis.gateway.background import Background
from trellis.gateway.breaker import Breaker
from trellis.gateway.cache.answer import CachedAnswer
from trellis.gateway.cache.key import CacheKey
from trellis.gateway.cache.pipe import Pipe
from trellis.gateway.cache.prediction_cache import Outcome, PredictionCache
from trellis.gateway.cache.store import CacheStore
from trellis.gateway.redis_clients import cache_redis
from trellis.gateway.router import Target
from trellis.telemetry.metrics import GatewayMetrics

TARGET = target_of()


class Model:
    """Computes when the test lets it, and counts; says what it was asked and the how-manieth it was."""

    def __init__(
        self, version: str = "v1", status: int = 200, fingerprint: str = "sha256:1"
    ) -> None:
        self.version = version
        self.status = status
        self.fingerprint = fingerprint
        #: What makes it an answer, of either protocol.
        self.holds: dict[str, Any] = {"predictions": [], "outputs": []}
        self.computed = 0
        self.cancelled = 0
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def compute(self) -> CachedAnswer:
        self.computed += 1
        number = self.computed
        self.begun.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        document = {"model_version": self.version, "number": number}
        body = json.dumps({**document, **self.holds}).encode()
        headers = (
            (b"content-type", b"application/json"),
            (b"x-model-version", self.version.encode()),
            (b"x-model-fingerprint", self.fingerprint.encode()),
            (b"server-timing", b"total;dur=1"),
        )
        return CachedAnswer(self.status, headers, body)


class Replica:
    """One gateway's cache, as another process would have it; ``away`` counts nothing answered."""

    def __init__(
        self, cache: PredictionCache, breaker: Breaker, registry: CollectorRegistry
    ) -> None:
        self.cache = cache
        self.breaker = breaker
        self._registry = registry

    def key(
        self, text: str, target: Target = TARGET, seconds: float | None = None, kind: str = "v1"
    ) -> CacheKey | None:
        body = json.dumps({"instances": [text]}).encode()
        one = asked(body, kind="v2" if kind == "v2" else "v1")
        return self.cache.key(target, one, f"request of {text}", seconds)

    async def ask(
        self,
        text: str,
        compute: Callable[[], Awaitable[CachedAnswer]],
        target: Target = TARGET,
        *,
        seconds: float | None = None,
    ) -> tuple[CachedAnswer, Outcome]:
        key = self.key(text, target, seconds)
        assert key is not None
        return await self.cache.answer(target, key, compute)

    def count(self, name: str, version: str = "v1") -> float:
        labels = {"model": "tomato", "version": version, "revision": "r1"}
        return self._registry.get_sample_value(f"trellis_cache_{name}_total", labels) or 0.0


Start = Callable[..., Awaitable[Replica]]


@pytest.fixture
def prefix() -> str:
    return f"test-{uuid4().hex[:8]}"


@pytest.fixture
async def replicas(prefix: str) -> AsyncIterator[Start]:
    """Starts replicas on a Redis; a generous timeout, for the tests' machine may be busy."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(
            server: RedisServer,
            *,
            timeout: float = 2.0,
            lease_seconds: float = 30.0,
            wait_seconds: float = 60.0,
            limit: int = 2**20,
            reached: bool = True,
        ) -> Replica:
            registry = CollectorRegistry()
            metrics = GatewayMetrics(registry)
            redis = cache_redis(server.url, 5.0)
            pipe = Pipe(redis, metrics, timeout, pauses=(0.01, 0.05))
            background = await stack.enter_async_context(Background())
            background.start("circuit", pipe.breaker.run)
            stack.push_async_callback(pipe.close)
            cache = PredictionCache(
                CacheStore(pipe, prefix, lease_seconds),
                metrics,
                seconds=60.0,
                limit=limit,
                lease_seconds=lease_seconds,
                wait_seconds=wait_seconds,
            )
            if reached:
                await until(lambda: pipe.breaker.closed)
            return Replica(cache, pipe.breaker, registry)

        yield start


async def until(condition: Callable[[], bool]) -> None:
    """Until ``condition`` holds."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what another process does sets no event here
            await asyncio.sleep(0.005)

"""A real Redis of each version here, a prefix of one's own, and gateways' own writer."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.redis_server import RedisServer
from trellis.contracts.events import Exposure
from trellis.gateway.events.batch import write_batch
from trellis.gateway.events.store import EventStore, Said
from trellis.gateway.redis_clients import durable_redis
from trellis.rollout.events.reader import EventReader
from trellis.rollout.events.store import FoldStore

#: The library's types allow answers that these commands never give.
Client = Any


class Stand:
    """What gateways write, and controllers read."""

    def __init__(self, redis: Client) -> None:
        self.redis = redis
        self.prefix = f"test-{uuid4().hex[:12]}"
        self.gateway = EventStore(redis, self.prefix, 2**20, 2**24)
        self.store = FoldStore(redis, self.prefix)
        self._batches = 0

    def reader(self, name: str = "one") -> EventReader:
        return EventReader(self.redis, self.store, name)

    async def write(self, *exposures: Exposure) -> None:
        self._batches += 1
        batch = write_batch(exposures, {}, lambda _model: 3600, self.gateway.keys)
        assert await self.gateway.write("gateway", self._batches, batch) == "written"

    async def feed_back(self, *said: Said) -> None:
        assert {recorded.status for recorded in await self.gateway.record(list(said))} == {200}

    async def unacknowledged(self) -> int:
        """Entries that are read and not acknowledged, of both streams."""
        keys = self.store.keys
        pending = [
            await self.redis.xpending(k, "controller") for k in (keys.exposures, keys.outcomes)
        ]
        return sum(int(one["pending"]) for one in pending)


@pytest.fixture
async def stand(each_redis_server: RedisServer) -> AsyncIterator[Stand]:
    client = durable_redis(each_redis_server.url)
    yield Stand(client)
    await client.aclose()

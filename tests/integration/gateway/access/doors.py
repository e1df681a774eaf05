"""Doorkeepers for the tests: several are as many replicas, each with its own connections."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from tests.integration.redis_server import RedisServer
from trellis.gateway.access.admission import Access
from trellis.gateway.access.key_store import KeyStore
from trellis.gateway.access.keys import KeyRecord, new_key
from trellis.gateway.access.opening import open_access
from trellis.gateway.errors import GatewayError
from trellis.gateway.redis_clients import durable_redis
from trellis.gateway.settings import Settings
from trellis.telemetry.metrics import GatewayMetrics

ADDRESS = "192.0.2.1"
#: Whatever is awaited is there by then; a busy machine needs far less.
AWAIT_SECONDS = 20.0


class Door:
    """One replica's doorkeeper and its metrics."""

    def __init__(self, access: Access, registry: CollectorRegistry) -> None:
        self.access = access
        self._registry = registry

    async def status(self, key: str | None, address: str = ADDRESS, **asked: Any) -> int:
        """200 where a request is let in, else the refusal's status."""
        try:
            await self.admit(key, address, **asked)
        except GatewayError as error:
            return error.status
        return 200

    async def admit(
        self, key: str | None, address: str = ADDRESS, **asked: Any
    ) -> list[tuple[bytes, bytes]]:
        credentials = None if key is None else f"Bearer {key}".encode()
        wanted = {"scope": "infer", "model": "tomato", **asked}
        return (await self.access.admit(credentials, address, **wanted)).headers

    def metric(self, name: str, /, **labels: str) -> float:
        value = self._registry.get_sample_value(name, labels)
        assert value is not None, f"no {name} with {labels}"
        return value


@asynccontextmanager
async def door(server: RedisServer | None, prefix: str, **settings: Any) -> AsyncIterator[Door]:
    """A doorkeeper as a gateway process opens it; of ``auth: keys`` unless told otherwise."""
    read = Settings(
        _env_file=None,
        **{
            "routing_table_file": "table.json",
            "redis_url": None if server is None else server.url,
            "redis_prefix": prefix,
            "auth": "keys",
            **settings,
        },
    )
    registry = CollectorRegistry()
    async with (
        aiohttp.ClientSession() as session,
        open_access(read, GatewayMetrics(registry), session) as access,
    ):
        yield Door(access, registry)


@asynccontextmanager
async def key_store(server: RedisServer, prefix: str) -> AsyncIterator[KeyStore]:
    async with client(server) as redis:
        yield KeyStore(redis, prefix)


@asynccontextmanager
async def client(server: RedisServer) -> AsyncIterator[Redis]:
    redis = durable_redis(server.url, max_connections=4)
    try:
        yield redis
    finally:
        await redis.aclose()


async def make_key(store: KeyStore, **fields: Any) -> str:
    """Make a key that may infer; returns its text."""
    text, key_id, salt, digest = new_key()
    now = (await store.look()).now
    made = {"id": key_id, "salt": salt, "digest": digest, "name": "test", "created_at": now}
    await store.create(KeyRecord.model_validate({**made, "scopes": ["infer"], **fields}))
    return text


def id_of(key: str) -> str:
    return key.split("_")[1]


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Await the condition."""
    end = time.monotonic() + AWAIT_SECONDS
    while not await holds():
        assert time.monotonic() < end, "it did not come about"
        await asyncio.sleep(0.01)

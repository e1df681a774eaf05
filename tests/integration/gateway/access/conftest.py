import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.gateway.access.doors import key_store
from tests.integration.redis_server import RedisServer
from trellis.gateway.access.key_store import KeyStore


@pytest.fixture
def prefix() -> str:
    """What nobody else's keys in the same Redis begin with."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis for one test, which may kill, hang, fill or empty it."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest_asyncio.fixture
async def store(redis_server: RedisServer, prefix: str) -> AsyncIterator[KeyStore]:
    async with key_store(redis_server, prefix) as opened:
        yield opened

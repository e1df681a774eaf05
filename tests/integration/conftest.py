from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.redis_server import RedisServer, programs


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A durable Redis of the newest version here; whoever shares it keeps to a prefix of its own."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module", params=programs(), ids=lambda program: program.parent.parent.name)
def each_redis_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """A durable Redis, once for each version here."""
    program: Path = request.param
    server = RedisServer(tmp_path_factory.mktemp("redis"), program)
    server.start()
    yield server
    server.stop()

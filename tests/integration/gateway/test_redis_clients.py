from pathlib import Path

import pytest

from tests.integration.redis_server import RedisServer
from trellis.gateway.redis_clients import blocking_redis, cache_redis, durable_redis


@pytest.mark.parametrize("scheme", ["redis", "unix"])
async def test_each_client_reaches_its_redis(scheme: str, tmp_path: Path) -> None:
    socket = tmp_path / "socket"
    server = RedisServer(tmp_path, options=f"--unixsocket {socket}")
    server.start()
    url = server.url if scheme == "redis" else f"unix://{socket}?db=0"
    try:
        for client in (durable_redis(url), blocking_redis(url, 1.0), cache_redis(url, 1.0)):
            assert await client.ping()
            await client.aclose()
    finally:
        server.stop()

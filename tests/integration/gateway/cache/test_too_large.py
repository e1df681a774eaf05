"""An answer that is too large for the cache, whose caller leaves while another waits for it."""

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry

from tests.integration.gateway.cache.conftest import until
from tests.integration.gateway.processes import FakeUpstream, table_of
from tests.integration.redis_server import RedisServer
from trellis.gateway.app import gateway_app
from trellis.gateway.parts import open_parts
from trellis.gateway.settings import Settings
from trellis.gateway.upstream import Upstream


class Remembering(Upstream):
    """Keeps the responses, so that nothing but the gateway closes them; sends when it may."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        super().__init__(session, connect_wait=5)
        self.responses: list[aiohttp.ClientResponse] = []
        self.may_send = asyncio.Event()

    async def send(self, *args: Any, **kwargs: Any) -> aiohttp.ClientResponse:
        await self.may_send.wait()
        response = await super().send(*args, **kwargs)
        self.responses.append(response)
        return response


class Caller:
    """One request to the application; ``received`` bytes of its answer."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.received = 0
        self._sent = False
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/models/squares:predict",
            "raw_path": b"/v1/models/squares:predict",
            "query_string": b"",
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", b"2"),
                (b"x-do", b"stream:200"),
            ],
            "client": ("127.0.0.1", 1),
        }
        self.task = asyncio.ensure_future(app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if self._sent:
            await asyncio.Event().wait()
        self._sent = True
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def _send(self, message: dict[str, Any]) -> None:
        self.received += len(message.get("body", b""))


async def test_its_connection_is_closed_and_the_other_caller_gets_its_own(
    tmp_path: Path, upstreams: tuple[FakeUpstream, FakeUpstream], redis_server: RedisServer
) -> None:
    table = tmp_path / "table.json"
    arm = upstreams[0].arm(fingerprint="sha256:v1", intervals=[[0, 1]])
    table.write_text(json.dumps(table_of({"squares": [arm]})))
    settings = Settings(
        routing_table_file=table,
        cache_redis_url=redis_server.url,
        redis_prefix="toolarge",
        cache_timeout=2,
    )
    async with open_parts(settings, CollectorRegistry()) as parts:
        await until(lambda: parts.holder.ready)
        assert parts.cache is not None
        flights = parts.cache._flights._flights
        upstream = Remembering(parts.session)
        app = gateway_app(dataclasses.replace(parts, upstream=upstream))
        first, second = Caller(app), Caller(app)
        await until(lambda: [flight.waiting for flight in flights.values()] == [2])
        first.task.cancel()
        await asyncio.wait({first.task})
        upstream.may_send.set()
        await second.task
        assert (first.received, second.received) == (0, 200 * 65_536)
        assert [response.closed for response in upstream.responses] == [True, True]

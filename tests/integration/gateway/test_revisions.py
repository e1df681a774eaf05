"""What a predictor says of itself is read whole, in however many pieces it comes, and bounded."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from trellis.contracts.routing_table import Arm
from trellis.gateway import revisions
from trellis.gateway.revisions import Predictors, Served
from trellis.gateway.upstream import Upstream, new_session

DOCUMENT = json.dumps({"fingerprint": "f" * 3000, "metrics": {"accuracy": 0.5}}).encode()


async def ready(_request: web.Request) -> web.Response:
    return web.json_response({})


async def metadata(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for start in range(0, len(DOCUMENT), 1000):
        await response.write(DOCUMENT[start : start + 1000])
        await asyncio.sleep(0.02)
    return response


@asynccontextmanager
async def predictor() -> AsyncIterator[Arm]:
    app = web.Application()
    app.add_routes([web.get("/v2/models/m", metadata), web.get("/v2/models/m/ready", ready)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield Arm(url=url, model="m", version="v1", revision="m-1")
    finally:
        await runner.cleanup()


async def served() -> Served:
    async with predictor() as arm, new_session() as session:
        return await Predictors(Upstream(session, 1)).served(arm)


async def test_a_long_document_is_read_whole() -> None:
    assert await served() == Served(True, "f" * 3000, {"accuracy": 0.5})


async def test_one_that_is_too_long_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "MOST_BYTES", 2500)
    assert await served() == Served(None, None, {})

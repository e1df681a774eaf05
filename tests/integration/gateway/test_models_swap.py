"""A table that is swapped while ``/models`` waits for predictors changes nothing of that answer."""

import json

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry
from starlette.requests import Request

from tests.integration.gateway.processes import table_of
from trellis.gateway.access.opening import open_access
from trellis.gateway.catalogue import Catalogue
from trellis.gateway.controller_client import ControllerClient
from trellis.gateway.ejection import Rules
from trellis.gateway.events.audit import Audit
from trellis.gateway.healths import Healths
from trellis.gateway.metering import Meters
from trellis.gateway.models import ModelRoutes
from trellis.gateway.revisions import Predictors
from trellis.gateway.routing_table import TableHolder
from trellis.gateway.settings import Settings
from trellis.gateway.upstream import Upstream
from trellis.telemetry.metrics import GatewayMetrics


async def test_a_model_that_leaves_meanwhile_is_told_as_it_was() -> None:
    metrics = GatewayMetrics(CollectorRegistry())
    holder = TableHolder(metrics, Meters(metrics), Healths(metrics, Rules(5, 5.0)))

    async def leaves(_request: web.Request) -> web.Response:
        holder.offer(json.dumps(table_of({"other": [arm]}, version=2)).encode(), "test")
        return web.json_response({"inputs": []})

    app = web.Application()
    app.add_routes([web.get("/v2/models/leaf", leaves)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    arm = {
        "url": f"http://127.0.0.1:{runner.addresses[0][1]}",
        "model": "leaf",
        "version": "v1",
        "revision": "leaf-1",
        "intervals": [[0, 1]],
    }
    holder.offer(json.dumps(table_of({"leaf": [arm]})).encode(), "test")
    settings = Settings(_env_file=None, routing_table_file="table.json")
    try:
        async with (
            aiohttp.ClientSession() as session,
            open_access(settings, metrics, session) as access,
        ):
            upstream = Upstream(session, 1)
            routes = ModelRoutes(
                holder,
                Catalogue(upstream),
                Predictors(upstream),
                ControllerClient(None, None, session),
                access,
                Audit(None, access),
            )
            answer = await routes.all(Request({"type": "http", "method": "GET", "headers": []}))
    finally:
        await runner.cleanup()
    assert holder.router.routes.keys() == {"other"}
    (model,) = json.loads(bytes(answer.body))["models"]
    assert (model["name"], [row["version"] for row in model["versions"]]) == ("leaf", ["v1"])

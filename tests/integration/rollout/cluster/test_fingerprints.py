"""A controller that asks the pods of two versions, on a real API server."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from tests.integration.rollout.lab import Lab
from tests.integration.rollout.waiting import until
from trellis.contracts.routing_table import Arm, RoutingTable
from trellis.rollout.cluster import fingerprints, publisher
from trellis.rollout.metrics.page import OWN_PORT

FIRST, SECOND = "tomato-predictor-00001", "tomato-predictor-00002"


@contextlib.asynccontextmanager
async def speaking(address: str, version: str, revision: str) -> AsyncIterator[None]:
    """The predictor in the pod of that address."""

    async def tell(request: web.Request) -> web.Response:
        name = request.match_info["model"]
        told = {"version": version, "revision": revision, "fingerprint": f"sha256:{version}"}
        return web.json_response({"name": name, **told})

    application = web.Application()
    application.router.add_get("/v2/models/{model}", tell)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, address, OWN_PORT).start()
    try:
        yield
    finally:
        await runner.cleanup()


def arm(table: RoutingTable) -> Arm | None:
    route = table.models.get("tomato")
    return route.arms[0] if route else None


def keeps(table: RoutingTable) -> tuple[str, str] | None:
    """The version of tomato's arm, and by what its answers are kept."""
    found = arm(table)
    return (found.version, found.fingerprint) if found else None


async def address(lab: Lab, revision: str) -> str:
    """Of the revision's pod, once it is ready."""

    def look() -> str | None:
        for pod in lab.server.call("GET", lab.path("/api/v1", "pods"))["items"]:
            status: dict[str, Any] = pod.get("status") or {}
            if pod["metadata"]["name"] == f"{revision}-pod" and status.get("podIP"):
                return str(status["podIP"])
        return None

    return await until(look)


async def test_answers_are_kept_of_one_revision_and_then_of_the_next(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (fingerprints, publisher):
        monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)
    await lab.applies("v1")
    async with speaking(await address(lab, FIRST), "v1", FIRST):
        async with lab.controller(webhook=False):
            await lab.until_kept(lambda table: keeps(table) == ("v1", "sha256:v1"))
            await lab.applies("v2", weight=20)
            await lab.until_kept(lambda table: keeps(table) == ("v1", ""))
            async with speaking(await address(lab, SECOND), "v2", SECOND):
                await lab.applies("v2")
                table = await lab.until_kept(lambda table: keeps(table) == ("v2", "sha256:v2"))
        # One that starts anew asks anew, and takes it away where nobody answers.
        async with (
            speaking(await address(lab, SECOND), "v2", SECOND),
            lab.controller(webhook=False),
        ):
            await lab.until_heard(SECOND, 100)
            await lab.applies("v1", name="bean")
            grown = await lab.until_kept(lambda table: "bean" in table.models)
            assert grown.models["tomato"] == table.models["tomato"]
        async with lab.controller(webhook=False):
            await lab.until_kept(lambda table: keeps(table) == ("v2", ""))

"""The routing table as the cluster keeps it, on a real API server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
import structlog
from aiohttp import ClientSession, web

from tests.integration.rollout.api_server import ApiServer
from tests.integration.rollout.objects import path
from tests.integration.rollout.waiting import running
from tests.unit.rollout.cluster.test_routes import Services, assigned
from trellis.contracts.routing_table import RoutingTable
from trellis.rollout.cluster import saved_table
from trellis.rollout.cluster.api import Api
from trellis.rollout.cluster.connection import Connection
from trellis.rollout.cluster.publisher import TablePublisher
from trellis.rollout.cluster.saved_table import SavedTable
from trellis.rollout.errors import ApiUnreachable
from trellis.rollout.experiments.ports import ExperimentFound
from trellis.rollout.http.tables import TableServer
from trellis.telemetry.metrics import ControllerMetrics

NAME = "kept"


class World(Services):
    """Services, and an Experiment with whatever its status assigns."""

    def __init__(self, **versions: str) -> None:
        super().__init__(**versions)
        self.experiments: list[ExperimentFound] = []

    def assign(self, token: str = "1", **services: str) -> None:
        plan = {"assigned": assigned(**services).model_dump(mode="json", by_alias=True)}
        text = orjson.dumps({"plan": plan})
        found = ExperimentFound(("farm", "leaves"), "u", token, 1, "", False, b"{}", text)
        self.experiments = [found]


class Place:
    """One controller's part: what it knows of the kept table, and what it offers."""

    def __init__(
        self, api: Api, namespace: str, metrics: ControllerMetrics, world: World, clock: float = 0
    ) -> None:
        self.server = TableServer()
        self.saved = SavedTable(api, (namespace, NAME), metrics, self._stir)
        self.publisher = TablePublisher(
            world, "farm", self.saved, self.server, clock=lambda: clock or 1_700_000_000.0
        )

    def _stir(self) -> None:
        self.publisher.stir()

    async def offered(self) -> RoutingTable:
        """What a gateway is answered."""
        application = web.Application()
        application.add_routes(self.server.routes())
        runner = web.AppRunner(application)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}/routing-table"
            async with ClientSession() as session, session.get(url) as answer:
                return RoutingTable.model_validate_json(await answer.text())
        finally:
            await runner.cleanup()

    async def until_version(self, version: int) -> RoutingTable:
        async with asyncio.timeout(20):
            while True:
                table = await self.offered()
                if table.version >= version:
                    return table
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def followed(place: Place) -> AsyncIterator[Place]:
    async with running(place.saved.run()):
        assert await place.saved.heard(20)
        yield place


def kept(server: ApiServer, namespace: str) -> dict[str, Any]:
    found: dict[str, Any] = server.call("GET", path("/api/v1", namespace, "configmaps", NAME))
    return found


@pytest.fixture
def world() -> World:
    return World(tomato="v1", tomato_b="v2", tomato_c="v3")


async def test_a_controller_that_starts_goes_on_from_the_kept_table(
    api: Api, api_server: ApiServer, namespace: str, metrics: ControllerMetrics, world: World
) -> None:
    world.assign(v1="tomato", v2="tomato-b")
    async with followed(Place(api, namespace, metrics, world)) as first:
        await first.publisher.renew()
        two = await first.offered()
        world.assign(token="2", v1="tomato", v2="tomato-b", v3="tomato-c")
        await first.publisher.renew()
        three = await first.offered()
    assert three.version == two.version + 1
    assert kept(api_server, namespace)["data"][saved_table.TABLE] == three.model_dump_json(
        by_alias=True
    )
    # Laid out anew, three arms would have other intervals than two that made room for a third.
    async with followed(Place(api, namespace, metrics, world, clock=1.0)) as second:
        unlisted = asyncio.Event()

        async def listed() -> None:
            await unlisted.wait()

        async with running(second.publisher.run(listed)):
            assert await second.until_version(1) == three
            unlisted.set()
            world.versions["bean"] = "v1"
            world.services = [*world.services, replace(world.services[0], key=("farm", "bean"))]
            second.publisher.stir()
            grown = await second.until_version(three.version + 1)
    assert grown.models["tomato"] == three.models["tomato"]
    assert "bean" in grown.models


async def test_an_experiment_that_comes_back_finds_its_units(
    api: Api, namespace: str, metrics: ControllerMetrics, world: World
) -> None:
    tables: list[RoutingTable] = []
    for arms in (
        {"v1": "tomato", "v2": "tomato-b"},
        {"v1": "tomato", "v2": "tomato-b", "v3": "tomato-c"},
        {},
        {"v1": "tomato", "v2": "tomato-b", "v3": "tomato-c"},
    ):
        world.experiments.clear()
        if arms:
            world.assign(token=str(len(tables)), **arms)
        async with followed(Place(api, namespace, metrics, world)) as place:
            await place.publisher.renew()
            tables.append(await place.offered())
    assert [table.version - tables[0].version for table in tables] == [0, 1, 2, 3]
    assert tables[3].models["tomato"] == tables[1].models["tomato"]


async def test_two_at_once_come_to_one_table(
    api: Api, namespace: str, metrics: ControllerMetrics, world: World
) -> None:
    one = Place(api, namespace, metrics, world)
    other = Place(api, namespace, metrics, world, clock=1_800_000_000.0)
    async with followed(one), followed(other):
        await asyncio.gather(one.publisher.renew(), other.publisher.renew())
        assert await one.offered() == await other.offered()
        for number in range(5):
            world.versions["tomato"] = f"v1.{number}"
            await asyncio.gather(one.publisher.renew(), other.publisher.renew())
        assert await one.offered() == await other.offered()
        assert one.publisher.version == other.publisher.version


async def test_what_cannot_be_read_is_said_and_passed_over(
    api: Api, api_server: ApiServer, namespace: str, metrics: ControllerMetrics, world: World
) -> None:
    broken = {"metadata": {"name": NAME}, "data": {saved_table.TABLE: '{"version": "x"}'}}
    api_server.call("POST", path("/api/v1", namespace, "configmaps"), broken)
    async with followed(Place(api, namespace, metrics, world)) as place:
        with structlog.testing.capture_logs() as logs:
            await place.publisher.renew()
        assert "version: " in logs[0]["why"]
        table = await place.offered()
        assert table.version > 1_700_000_000
        assert kept(api_server, namespace)["data"][saved_table.TABLE].startswith("{")
        assert place.saved.present is not None
        assert place.saved.present.table == table


async def test_one_that_is_too_large_is_said_and_offered(
    api: Api,
    namespace: str,
    metrics: ControllerMetrics,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world.assign(v1="tomato", v2="tomato-b")
    async with followed(Place(api, namespace, metrics, world)) as place:
        await place.publisher.renew()
        before = await place.offered()
        monkeypatch.setattr(saved_table, "MOST_BYTES", 100)
        world.versions["tomato-c"] = "v9"
        with structlog.testing.capture_logs() as logs:
            await place.publisher.renew()
            await place.publisher.renew()
        assert [log["log_level"] for log in logs] == ["error"]
        assert "a ConfigMap takes 100" in logs[0]["why"]
        table = await place.offered()
        assert table.version == before.version + 1
        assert place.saved.present is not None
        assert place.saved.present.table == before
        monkeypatch.undo()
        await place.publisher.renew()
        assert place.saved.present.table == table


async def test_without_the_api_server_the_last_table_stays(
    api: Api, namespace: str, metrics: ControllerMetrics, world: World
) -> None:
    async with followed(Place(api, namespace, metrics, world)) as place:
        await place.publisher.renew()
        before = await place.offered()
        world.versions["tomato"] = "v7"
        reached, away = api.connection, Connection("http://127.0.0.1:9", False, "default")
        api.connection = away
        with pytest.raises(ApiUnreachable):
            await place.publisher.renew()
        assert await place.offered() == before
        api.connection = reached
        await place.publisher.renew()
        assert (await place.offered()).models["tomato"].arms[0].version == "v7"

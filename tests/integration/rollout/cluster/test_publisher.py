"""The routing table as the cluster keeps it, on a real API server."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest
import structlog
from aiohttp import ClientSession

from tests.integration.rollout.api_server import ApiServer
from tests.integration.rollout.objects import path
from tests.integration.rollout.served import served
from tests.integration.rollout.waiting import running, until
from tests.unit.rollout.cluster.test_fingerprints import FIRST, Farm, asking
from tests.unit.rollout.cluster.test_routes import Named, Services, a_tenth, assigned
from trellis.contracts.routing_table import RoutingTable
from trellis.rollout.cluster import publisher as publisher_module
from trellis.rollout.cluster import saved_table
from trellis.rollout.cluster.api import Api
from trellis.rollout.cluster.connection import Connection
from trellis.rollout.cluster.metadata import Said
from trellis.rollout.cluster.publisher import TablePublisher
from trellis.rollout.cluster.routes import splits_by_tag
from trellis.rollout.cluster.saved_table import SavedTable
from trellis.rollout.errors import ApiRefused, ApiUnreachable
from trellis.rollout.experiments.ports import ExperimentFound
from trellis.rollout.http.tables import TableServer
from trellis.telemetry.metrics import ControllerMetrics

NAME = "kept"


class World(Services):
    """Services, and an Experiment with whatever its status assigns."""

    def __init__(self, **versions: str) -> None:
        super().__init__(**versions)
        self.experiments: list[ExperimentFound] = []
        self.is_heard = True

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
            world,
            "farm",
            self.saved,
            self.server,
            world.fingerprint_of,
            split_of=lambda _: world.split,
            clock=lambda: clock or 1_700_000_000.0,
        )

    def _stir(self) -> None:
        self.publisher.stir()

    @property
    def version(self) -> int:
        """The number of the table that is offered; 0 before there is one."""
        table = self.publisher.table
        return table.version if table else 0

    async def offered(self) -> RoutingTable:
        """What a gateway is answered."""
        async with (
            served(self.server) as url,
            ClientSession() as session,
            session.get(url) as answer,
        ):
            return RoutingTable.model_validate_json(await answer.text())

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
        assert one.version == other.version


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


class Barred(Api):
    """May not create ConfigMaps, as the chart's role has it; reads fail while ``reads`` is not 200."""

    def __init__(self, api: Api) -> None:
        """Over an API that is open."""
        self._api, self.reads, self.writes, self.patched = api, 200, 200, 0

    async def call(self, method: str, path: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        status = {"GET": self.reads, "POST": 403}.get(method, self.writes)
        if status == 503:
            raise ApiUnreachable("it is away")
        if status == 403:
            raise ApiRefused(403, "Forbidden", "not yours")
        answer = await self._api.call(method, path, *args, **kwargs)
        self.patched += method == "PATCH"
        return answer

    async def watch(
        self, path: str, params: Mapping[str, str]
    ) -> AsyncGenerator[dict[str, Any], None]:
        async with contextlib.aclosing(self._api.watch(path, params)) as events:
            async for event in events:
                yield event


async def keep_three_arms(api: Api, namespace: str, metrics: ControllerMetrics) -> RoutingTable:
    """Kept from here on: arms that made room for a third, which nobody would lay out so anew."""
    world = World(tomato="v1", tomato_b="v2", tomato_c="v3")
    async with followed(Place(api, namespace, metrics, world)) as place:
        world.assign(v1="tomato", v2="tomato-b")
        await place.publisher.renew()
        world.assign(token="2", v1="tomato", v2="tomato-b", v3="tomato-c")
        await place.publisher.renew()
        return await place.offered()


async def all_listed() -> None:
    """All is known at once."""


async def test_none_is_laid_out_anew_before_it_is_known_what_is_kept(
    api: Api,
    namespace: str,
    metrics: ControllerMetrics,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = await keep_three_arms(api, namespace, metrics)
    monkeypatch.setattr(publisher_module, "SAVED_SECONDS", 0.02)
    world.assign(v1="tomato", v2="tomato-b", v3="tomato-c")
    barred = Barred(api)
    barred.reads = 503
    asked = asyncio.Event()
    place = Place(barred, namespace, metrics, world, clock=1_900_000_000.0)

    async def listed() -> None:
        asked.set()

    # Its informer does not run: whoever waits longest after the API server was away hears it last.
    with structlog.testing.capture_logs() as logs:
        async with running(place.publisher.run(listed)):
            await until(lambda: bool(logs))
            assert "no routing table before the saved one is known" in logs[0]["why"]
            assert not asked.is_set()
            assert place.version == 0
            barred.reads = 200
            await asked.wait()
            assert await place.offered() == table


async def test_units_go_back_where_the_kept_table_could_not_be_read_before(
    api: Api,
    namespace: str,
    metrics: ControllerMetrics,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = await keep_three_arms(api, namespace, metrics)
    monkeypatch.setattr(publisher_module, "SAVED_SECONDS", 0.02)
    monkeypatch.setattr(publisher_module, "LOOK_SECONDS", 0.02)
    world.assign(v1="tomato", v2="tomato-b", v3="tomato-c")
    barred = Barred(api)
    barred.reads = 403
    place = Place(barred, namespace, metrics, world, clock=1_900_000_000.0)
    async with running(place.publisher.run(all_listed)):
        anew = await place.until_version(1_900_000_000)
        assert anew.models["tomato"] != table.models["tomato"]
        barred.reads = 200
        async with running(place.saved.run()):
            back = await place.until_version(anew.version + 1)
            assert back.models == table.models
            await until(lambda: barred.patched > 0)
    assert place.saved.present is not None
    assert place.saved.present.table == back


async def test_one_that_does_not_hear_all_follows_the_kept_table(
    api: Api, namespace: str, metrics: ControllerMetrics, world: World
) -> None:
    half = World(tomato="v1", tomato_b="v2")
    half.is_heard = False
    one = Place(api, namespace, metrics, world)
    other = Place(api, namespace, metrics, half)
    async with followed(one), followed(other):
        for version in ("v1", "v1.1"):
            world.versions["tomato"] = version
            await one.publisher.renew()
            await other.saved.read()
            await other.publisher.renew()
            assert await other.offered() == await one.offered()
            assert one.saved.present is not None
            assert "tomato-c" in (await other.offered()).models
        half.is_heard = True
        await other.publisher.renew()
        assert "tomato-c" not in (await other.offered()).models


async def test_units_are_led_away_from_tags_whatever_is_not_heard(
    api: Api, namespace: str, metrics: ControllerMetrics, world: World
) -> None:
    world.split = a_tenth().split
    place = Place(api, namespace, metrics, world)
    async with followed(place):
        await place.publisher.renew()
        split = await place.offered()
        assert splits_by_tag(split.models["tomato"])
        world.is_heard = False
        await place.publisher.renew()
        assert await place.offered() == split
        world.split = None
        for _ in range(2):
            await place.publisher.renew()
            led_away = await place.offered()
            assert led_away.version == split.version + 1
            assert not splits_by_tag(led_away.models["tomato"])
        world.is_heard = True
        await place.publisher.renew()
        assert (await place.offered()).models["tomato"] == led_away.models["tomato"]


async def test_one_that_has_not_asked_yet_goes_on_with_what_another_found(
    api: Api, namespace: str, metrics: ControllerMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "LOOK_SECONDS", 0.0)
    async with followed(Place(api, namespace, metrics, World(tomato="v1"))) as first:
        await first.publisher.renew()
    barred = Barred(api)
    asked, unasked = World(tomato="v1"), World(tomato="v1")
    asked.fingerprints = {"tomato-predictor-00001": "sha256:1"}
    one = Place(barred, namespace, metrics, asked)
    other = Place(barred, namespace, metrics, unasked)
    async with followed(one), followed(other):
        runs = (place.publisher.run(all_listed) for place in (one, other))
        async with running(next(runs)), running(next(runs)):
            table = await other.until_version(first.version + 1)
            assert table.models["tomato"].arms[0].fingerprint == "sha256:1"
            assert await one.offered() == table
            for place in (other, one) * 5:
                place.publisher.stir()
                await asyncio.sleep(0)
            # Then both have asked all pods, and found one that says another.
            asked.fingerprints = unasked.fingerprints = {"tomato-predictor-00001": ""}
            other.publisher.stir()
            without = await one.until_version(table.version + 1)
            assert without.models["tomato"].arms[0].fingerprint == ""
            assert await other.until_version(without.version) == without
    assert barred.patched == 2


async def test_of_a_service_at_zero_two_that_heard_different_things_agree(
    api: Api, namespace: str, metrics: ControllerMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each asked pods of its own time, which differed; now there are none, and the table remembers."""
    monkeypatch.setattr(publisher_module, "LOOK_SECONDS", 0.0)
    barred = Barred(api)
    farms = [Farm(), Farm()]
    worlds = [World(tomato="v1"), World(tomato="v1")]
    for farm, world, said in zip(farms, worlds, ("sha256:1", "sha256:2"), strict=True):
        farm.has()
        farm.starts("a", Said("v1", FIRST, said))
        async with asking(farm):
            await farm.until(lambda: farm.known() == said)  # noqa: B023 - used up in its own round
            farm.pods.clear()
            await farm.until_looked()
        monkeypatch.setattr(world, "fingerprint_of", farm.fingerprints.of)
    known = World(tomato="v1")
    known.fingerprints = {FIRST: "sha256:1"}
    async with followed(Place(api, namespace, metrics, known)) as first:
        await first.publisher.renew()
        remembered = await first.offered()
    assert remembered.models["tomato"].arms[0].fingerprint == "sha256:1"
    one, other = (Place(barred, namespace, metrics, world) for world in worlds)
    async with (
        followed(one),
        followed(other),
        running(one.publisher.run(all_listed)),
        running(other.publisher.run(all_listed)),
    ):
        for place in (one, other):
            assert await place.until_version(remembered.version) == remembered
        for place in (other, one) * 5:
            place.publisher.stir()
            await asyncio.sleep(0)
        for world in worlds:
            world.versions["bean"] = "v1"
            world.services = [*world.services, Named(("farm", "bean"))]
        one.publisher.stir()
        grown = await other.until_version(remembered.version + 1)
        assert await one.until_version(grown.version) == grown
    assert grown.models["tomato"] == remembered.models["tomato"]
    assert barred.patched == 1


async def test_of_two_that_never_agree_one_gives_way(
    api: Api,
    namespace: str,
    metrics: ControllerMetrics,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publisher_module, "LOOK_SECONDS", 0.0)
    barred = Barred(api)
    one = Place(barred, namespace, metrics, world)
    other = Place(barred, namespace, metrics, World(tomato="v1"))
    await keep_three_arms(api, namespace, metrics)
    with structlog.testing.capture_logs() as logs:
        async with followed(one), followed(other):
            runs = (place.publisher.run(all_listed) for place in (one, other))
            async with running(next(runs)), running(next(runs)):
                await until(lambda: any("is followed" in log["why"] for log in logs))
                written = barred.patched
                for _ in range(20):  # each hears what is kept and looks again
                    await one.saved.read()
                    await other.saved.read()
                    one.publisher.stir()
                    other.publisher.stir()
                    await asyncio.sleep(0.01)
                await until(lambda: one.version == other.version)
            assert await one.offered() == await other.offered()
    assert barred.patched <= written + 1


async def test_one_that_could_not_be_saved_is_saved_once_it_can(
    api: Api,
    namespace: str,
    metrics: ControllerMetrics,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await keep_three_arms(api, namespace, metrics)
    monkeypatch.setattr(publisher_module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(publisher_module, "AGAIN_SECONDS", 0.01)
    barred = Barred(api)
    barred.writes = 403
    with structlog.testing.capture_logs() as logs:
        place = Place(barred, namespace, metrics, world)
        async with followed(place), running(place.publisher.run(all_listed)):
            await until(lambda: any("cannot be saved" in log["why"] for log in logs))
            barred.writes = 200  # of which nobody is told
            await until(lambda: barred.patched > 0)
            assert place.saved.present is not None
            assert place.saved.present.table == await place.offered()

"""The controller's HTTP over a real socket, with a control that keeps what it is told."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from trellis.contracts.control import Experiments, ModelState, ModelStates
from trellis.contracts.experiment import Experiment
from trellis.contracts.experiment_resource import (
    Arm,
    ExperimentResourceStatus,
    ExperimentSpec,
    ExperimentView,
)
from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import (
    Command,
    RolloutStatus,
    RolloutView,
    RolloutViews,
    TracePoint,
)
from trellis.rollout.http.asked import Refused
from trellis.rollout.http.server import ControlServer
from trellis.rollout.http.tables import TableServer

TOKEN = "the-token"
ARMS = {"model": "tomato", "arms": [{"version": v, "weight": 1} for v in ("v1", "v2")]}


class Kept:
    """Remembers; ``potato`` is not there."""

    def __init__(self) -> None:
        self.named: dict[str, Experiment] = {}
        self.commands: list[tuple[str, Command]] = []
        self.moved: list[str] = []

    async def models(self) -> ModelStates:
        return ModelStates(models=(ModelState(name="tomato"),))

    async def activate(self, model: str, version: str) -> ModelState:
        if model == "potato":
            raise Refused(404, "unknown model 'potato'; known are: tomato")
        self.moved.append(f"{model} to {version}")
        return ModelState(name=model)

    async def rollback(self, model: str, version: str) -> ModelState:
        self.moved.append(f"{model} from {version}")
        return ModelState(name=model)

    async def experiments(self) -> Experiments:
        return Experiments(experiments=self.named)

    async def experiment(self, name: str) -> Experiment:
        if name not in self.named:
            raise Refused(404, f"unknown experiment {name!r}")
        return self.named[name]

    async def put_experiment(self, name: str, experiment: Experiment) -> Experiment:
        self.named[name] = experiment
        return experiment

    async def evidence(self, name: str) -> ExperimentView:
        kept = await self.experiment(name)
        arms = tuple(Arm(version=arm.version) for arm in kept.arms)
        spec = ExperimentSpec(model=kept.model, arms=arms)
        return ExperimentView(name=name, spec=spec, status=ExperimentResourceStatus(winner="v2"))

    async def rollouts(self) -> RolloutViews:
        return RolloutViews(rollouts=(await self.rollout("tomato"),))

    async def rollout(self, name: str) -> RolloutView:
        if name != "tomato":
            raise Refused(404, f"unknown rollout {name!r}")
        point = TracePoint(time=1.0, weight=5, name="errors")
        return RolloutView(
            name=name,
            spec=RolloutSpec(inference_service="tomato"),
            status=RolloutStatus(phase="Progressing", trace=(point,)),
        )

    async def command(self, name: str, command: Command) -> RolloutView:
        view = await self.rollout(name)
        self.commands.append((name, command))
        return view


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
async def http(kept: Kept, told: list[str]) -> AsyncIterator[aiohttp.ClientSession]:
    server = ControlServer(TableServer(), kept, TOKEN, told.append)
    await server.start("127.0.0.1", 0)
    headers = {"authorization": f"Bearer {TOKEN}", "x-trellis-actor": "ann"}
    async with aiohttp.ClientSession(server.url, headers=headers) as session:
        yield session
    await server.close()


async def test_whoever_lacks_the_token_hears_of_nothing_but_health(
    http: aiohttp.ClientSession, kept: Kept
) -> None:
    for path in ("/routing-table", "/models", "/rollouts", "/rollouts/tomato", "/nowhere"):
        for given in ("", "Bearer wrong", TOKEN):
            async with http.get(path, headers={"authorization": given}) as answer:
                assert answer.status == 401
    async with http.post(
        "/models/tomato/versions/v2:activate", headers={"authorization": ""}
    ) as answer:
        assert answer.status == 401
    assert not kept.moved
    async with http.get("/health", headers={"authorization": ""}) as answer:
        assert await answer.json() == {"status": "ok"}


async def test_a_version_is_activated_and_taken_back_and_told(
    http: aiohttp.ClientSession, kept: Kept, told: list[str]
) -> None:
    async with http.post("/models/tomato/versions/v2:activate") as answer:
        assert (answer.status, (await answer.json())["name"]) == (202, "tomato")
    async with http.post("/models/tomato/versions/v2:rollback") as answer:
        assert answer.status == 202
    assert kept.moved == ["tomato to v2", "tomato from v2"]
    assert all("ann" in sentence for sentence in told)
    async with http.post("/models/potato/versions/v2:activate") as answer:
        assert answer.status == 404
        assert (await answer.json())["error"] == "unknown model 'potato'; known are: tomato"


async def test_a_command_carries_the_actor_of_the_request(
    http: aiohttp.ClientSession, kept: Kept, told: list[str]
) -> None:
    command = {"id": "1", "do": "pause", "actor": "somebody else"}
    async with http.post("/rollouts/tomato:command", json=command) as answer:
        assert answer.status == 202
        assert RolloutView.model_validate(await answer.json()).name == "tomato"
    assert kept.commands == [("tomato", Command(id="1", do="pause", actor="ann"))]
    assert told == ["rollout tomato: ann asks to pause"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "/rollouts/tomato:command", '{"id": "1", "do": "dance"}', 422, "do"),
        ("POST", "/rollouts/tomato:command", "{", 422, "JSON"),
        ("POST", "/rollouts/potato:command", '{"id": "1", "do": "pause"}', 404, "potato"),
        ("GET", "/rollouts/potato", None, 404, "potato"),
        ("PUT", "/experiments/e", '{"model": "tomato", "arms": []}', 422, "arms"),
        ("PUT", "/experiments/e", " " * (2**18 + 1), 413, "Too Large"),
        ("DELETE", "/experiments/e", None, 405, "Method Not Allowed"),
        ("GET", "/nowhere", None, 404, "Not Found"),
    ],
)
async def test_what_does_not_fit_is_named(
    http: aiohttp.ClientSession,
    kept: Kept,
    method: str,
    path: str,
    body: str | None,
    status: int,
    words: str,
) -> None:
    async with http.request(method, path, data=body) as answer:
        assert answer.status == status
        document = await answer.json()
    assert set(document) == {"error"}
    assert words in document["error"]
    assert not kept.commands
    assert not kept.named


async def test_an_experiment_that_has_changed_is_not_written_over(
    http: aiohttp.ClientSession,
) -> None:
    async with http.put("/experiments/e", json=ARMS) as answer:
        first = answer.headers["etag"]
    changed = {**ARMS, "enabled": False}
    async with http.put("/experiments/e", json=changed, headers={"if-match": first}) as answer:
        assert answer.status == 200
        assert answer.headers["etag"] != first
    async with http.put("/experiments/e", json=ARMS, headers={"if-match": first}) as answer:
        assert answer.status == 409
    async with http.get("/experiments/e") as answer:
        assert (await answer.json())["enabled"] is False


async def test_a_rollout_has_its_trace_by_itself_and_not_among_all(
    http: aiohttp.ClientSession,
) -> None:
    async with http.get("/rollouts/tomato") as answer:
        alone = RolloutView.model_validate(await answer.json())
    async with http.get("/rollouts") as answer:
        (listed,) = RolloutViews.model_validate(await answer.json()).rollouts
    assert len(alone.status.trace) == 1
    assert listed.status.trace == ()
    assert listed.status.phase == alone.status.phase == "Progressing"


async def test_the_evidence_of_an_experiment_stands_beside_what_it_is(
    http: aiohttp.ClientSession,
) -> None:
    async with http.get("/experiments/e/evidence") as answer:
        assert answer.status == 404
    async with http.put("/experiments/e", json=ARMS) as answer:
        assert answer.status == 200
    async with http.get("/experiments/e/evidence") as answer:
        found = ExperimentView.model_validate(await answer.json())
    assert (found.name, found.spec.model, found.status.winner) == ("e", "tomato", "v2")


async def test_it_is_ready_once_all_is_known(kept: Kept, told: list[str]) -> None:
    known: list[bool] = []
    server = ControlServer(TableServer(), kept, TOKEN, told.append, ready=lambda: bool(known))
    await server.start("127.0.0.1", 0)
    async with aiohttp.ClientSession(server.url) as session:
        for status in (503, 200):
            async with session.get("/ready") as answer:
                assert answer.status == status
            async with session.get("/health") as answer:
                assert answer.status == 200
            known.append(True)
    await server.close()

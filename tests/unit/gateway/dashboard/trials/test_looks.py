import asyncio
from collections import Counter

import aiohttp
from prometheus_client import CollectorRegistry

from trellis.gateway.controller_client import ControllerClient
from trellis.gateway.dashboard.trials.looks import Samplers, TrialLooker
from trellis.gateway.ejection import Rules
from trellis.gateway.errors import ControllerDown
from trellis.gateway.healths import Healths
from trellis.gateway.metering import Meters
from trellis.gateway.routing_table import TableHolder
from trellis.telemetry.metrics import GatewayMetrics


class Looks:
    """Counts looks by name."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()

    async def look(self, name: str) -> str:
        self.taken[name] += 1
        return f"{name} {self.taken[name]}"


async def test_viewers_of_one_name_share_a_look_and_others_have_their_own() -> None:
    looks = Looks()
    samplers = Samplers(looks.look, every=60)
    names = ["tomato", "leaf", "tomato", "tomato"]
    seen = await asyncio.gather(*(samplers.of(name).latest() for name in names))
    assert seen == ["tomato 1", "leaf 1", "tomato 1", "tomato 1"]


async def test_names_that_nobody_asks_for_any_more_are_let_go() -> None:
    looks = Looks()
    samplers = Samplers(looks.look, every=60, most_names=2)
    for name in ("one", "two", "one", "three", "one", "two"):
        await samplers.of(name).latest()
    assert looks.taken == {"one": 1, "two": 2, "three": 1}


async def test_a_look_without_a_controller_says_so_and_does_not_fail() -> None:
    metrics = GatewayMetrics(CollectorRegistry())
    holder = TableHolder(metrics, Meters(metrics), Healths(metrics, Rules(5, 5.0)))
    async with aiohttp.ClientSession() as session:
        looker = TrialLooker(ControllerClient(None, None, session), holder, None)
        listed = await looker.all()
        rollout = await looker.rollout("tomato")
        experiment = await looker.experiment("colours")
    assert set(listed.problems) == {"rollouts", "experiments"}
    assert "controller_url" in listed.problems["rollouts"]
    assert rollout.view is None
    assert isinstance(rollout.refusal, ControllerDown)
    assert experiment.experiment is None
    assert isinstance(experiment.refusal, ControllerDown)

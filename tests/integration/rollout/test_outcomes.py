"""Rollouts that weigh what comes of requests, which gateways alone hear of."""

import asyncio
import random
import time
from typing import Any

import pytest

from tests.integration.redis_server import RedisServer
from tests.integration.rollout.lab import Lab
from tests.integration.rollout.visitors import Visitors
from tests.integration.rollout.waiting import until
from trellis.contracts.routing_table import Arm, RoutingTable
from trellis.rollout.events.following import open_redis
from trellis.rollout.events.store import FoldStore
from trellis.rollout.events.watch import Watch

STABLE, CANARY = "tomato-predictor-00001", "tomato-predictor-00002"
CONVERSIONS = [
    {"metric": "conversions", "attributionWindow": "2s", "margin": {"ratio": 1.5}},
]
SPEC: dict[str, Any] = {"steps": [{"weight": 50, "minimumTime": "1s"}], "guardrails": CONVERSIONS}


def half(_arm: Arm, chance: random.Random) -> str:
    """Knative gives each request on, whoever sent it."""
    return chance.choice([STABLE, CANARY])


def is_recorded(table: RoutingTable) -> bool:
    return "tomato" in table.models and table.models["tomato"].record


async def counted(url: str) -> Watch:
    """What is counted, once requests that come now belong to it."""
    async with open_redis(url) as client, asyncio.timeout(40):
        while True:
            watches = await FoldStore(client, "trellis").watches()
            if watches and time.time() > watches[0].since + 2:
                return watches[0]
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(("converting", "phase"), [(0.1, "RolledBack"), (0.5, "Promoted")])
async def test_outcomes_by_the_revision_that_served_decide(
    lab: Lab, redis: RedisServer, converting: float, phase: str
) -> None:
    async with lab.controller(redis=redis.url):
        await lab.applies("v1")
        await lab.rolls_out(**SPEC)
        await lab.until_phase("Idle", "Promoted", version="v1")
        await lab.until_admitted()
        await lab.applies("v2")
        await lab.until_phase("Progressing", version="v2")
        table = await lab.until_kept(is_recorded)
        assert table.models["tomato"].attribution_window == 2
        watch = await counted(redis.url)
        assert (watch.split, watch.sides) == ("request", {STABLE: "stable", CANARY: "canary"})
        behaviour = {STABLE: 0.5, CANARY: converting}
        await Visitors(redis.url).come(table, 1500, behaviour, half, ago=0)
        status = await lab.until_phase(phase, version="v2")
    if phase == "RolledBack":
        assert "conversions" in status["message"]


async def test_without_redis_a_rollout_says_what_it_cannot_know(lab: Lab) -> None:
    async with lab.controller():
        await lab.applies("v1")
        await lab.rolls_out(**SPEC)
        await lab.until_phase("Idle", "Promoted", version="v1")
        await lab.until_admitted()
        await lab.applies("v2")
        await lab.until_phase("Progressing", version="v2")
        await until(lambda: "no Redis" in str(lab.status().get("verdict")))
        table = await lab.until_kept(lambda table: "tomato" in table.models)
        assert not is_recorded(table)

"""A rollout whose units are split by gateways: they stay, are evidence, and are led away in time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from tests.integration.redis_server import RedisServer
from tests.integration.rollout.kserve_actor import TAG_ROUTING, Behaviour
from tests.integration.rollout.lab import ERRORS, Lab
from tests.integration.rollout.served import served
from tests.integration.rollout.visitors import Visitors
from tests.integration.rollout.waiting import running, until
from trellis.contracts.routing_table import RoutingTable
from trellis.rollout.cluster.routes import splits_by_tag
from trellis.rollout.http.tables import TableServer

STABLE, CANARY = "tomato-predictor-00001", "tomato-predictor-00002"
STEPS = [{"weight": weight, "minimumTime": "1s"} for weight in (20, 50)]


def canarys_share(table: RoutingTable) -> float:
    """Of units, where gateways split them; else 0."""
    route = table.models.get("tomato")
    return route.arms[1].weight if route is not None and splits_by_tag(route) else 0.0


def has_share(share: float) -> Callable[[RoutingTable], bool]:
    """Whether the canary has that share of units."""
    return lambda table: canarys_share(table) == pytest.approx(share)


class Follower:
    """A gateway that follows the table, as slowly as it is told to."""

    def __init__(self) -> None:
        self.pause = 0.0
        self.table: RoutingTable | None = None  #: which it uses

    async def follow(self, url: str) -> None:
        known: dict[str, str] = {}
        async with aiohttp.ClientSession() as session:
            while True:
                asked = {"x-trellis-instance": "gateway", "prefer": "wait=20", **known}
                async with session.get(url, headers=asked) as answer:
                    if answer.status != 200:
                        continue
                    body = await answer.read()
                    known = {"if-none-match": answer.headers["etag"]}
                await asyncio.sleep(self.pause)
                self.table = RoutingTable.model_validate_json(body)


@contextlib.asynccontextmanager
async def following(tables: TableServer) -> AsyncIterator[Follower]:
    follower = Follower()
    async with served(tables) as url, running(follower.follow(url)):
        yield follower


async def bring(lab: Lab, *, tags: bool = True) -> None:
    """v2 is on trial at its first weight; nobody asks the service past the gateways."""
    notes: dict[str, Any] = {TAG_ROUTING: "true"} if tags else {}
    lab.actor.requests = 0
    await lab.applies("v1", **notes)
    await lab.rolls_out(steps=STEPS, guardrails=ERRORS, split="unit")
    await lab.until_phase("Idle", "Promoted", version="v1")
    await lab.until_admitted()
    await lab.applies("v2", **notes)
    await lab.until_phase("Progressing", version="v2")


async def test_units_stay_at_each_step_and_are_led_away_before_the_promotion(
    lab: Lab, redis: RedisServer
) -> None:
    tables, met = TableServer(), dict[int, dict[str, str]]()
    async with following(tables) as follower, lab.controller(redis=redis.url, tables=tables):
        await bring(lab)
        for weight in (20, 50):
            table = await lab.until_kept(has_share(weight / 100))
            route = table.models["tomato"]
            assert route.record
            assert [arm.url.partition("-")[0] for arm in route.arms] == [
                "http://prev",
                "http://latest",
            ]
            met[weight] = {}
            visitors = Visitors(redis.url)  # the same people again
            follower.pause = 1.5 if weight == 50 else 0.0
            while lab.status().get("weight") == weight:
                met[weight] |= await visitors.come(table, 500, ago=0)
                await asyncio.sleep(0.5)
                if weight == 50 and lab.weight() is None:
                    break
        await until(lambda: lab.weight() is None)
        # The weight went no sooner than the slowest gateway had turned away.
        assert follower.table is not None
        assert canarys_share(follower.table) == 0
        await lab.until_phase("Promoted", version="v2")
    of_canary = {
        weight: {who for who, arm in arms.items() if arm == CANARY} for weight, arms in met.items()
    }
    assert of_canary[20]
    assert {who for who in of_canary[20] if who in met[50]} <= of_canary[50]


async def test_errors_of_units_roll_back(lab: Lab, redis: RedisServer) -> None:
    async with lab.controller(redis=redis.url):
        await bring(lab)
        table = await lab.until_kept(canarys_share)
        await Visitors(redis.url).come(table, 600, ago=0, failing={CANARY: 0.5})
        status = await lab.until_phase("RolledBack", version="v2")
        assert "errors" in status["message"]
        table = await lab.until_kept(lambda table: not canarys_share(table))
        assert [arm.url for arm in table.models["tomato"].arms] == [
            f"http://tomato-predictor.{lab.namespace}.svc.cluster.local"
        ]


async def test_without_the_hosts_of_tags_the_services_own_host_splits(
    lab: Lab, redis: RedisServer
) -> None:
    async with lab.controller(redis=redis.url):
        await bring(lab, tags=False)
        await until(lambda: lab.status().get("plan", {}).get("tagsUp"))
        await asyncio.sleep(2.5)  # longer than the publisher's pause
        route = lab.kept_table().models["tomato"]
        assert (len(route.arms), route.record) == (1, False)


async def test_while_redis_is_away_requests_are_evidence_again(
    lab: Lab, redis: RedisServer
) -> None:
    async with lab.controller(redis=redis.url):
        await bring(lab)
        await lab.until_kept(canarys_share)
        redis.kill()
        await until(lambda: "cannot be" in _verdict(lab) or "does not answer" in _verdict(lab))
        await lab.until_kept(lambda table: not canarys_share(table))
        lab.actor.behaviour["v2"] = Behaviour(errors=0.5)
        lab.actor.requests = 2000
        await lab.until_phase("RolledBack", version="v2")


def _verdict(lab: Lab) -> str:
    verdict: dict[str, Any] = lab.status().get("verdict") or {}
    return str(verdict.get("message", ""))

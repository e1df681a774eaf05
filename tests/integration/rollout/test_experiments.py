"""Whole experiments: the controller on a real API server and a real Redis, with KServe's part played and
gateways' events written as they write them.
"""

import asyncio
from typing import Any

from tests.integration.redis_server import RedisServer
from tests.integration.rollout import objects
from tests.integration.rollout.lab import Lab
from tests.integration.rollout.visitors import Visitors
from tests.integration.rollout.waiting import until
from trellis.contracts.routing_table import RoutingTable

V1, V2 = "tomato-predictor-00001", "tomato-b-predictor-00001"
BETTER, ALIKE = {V1: 0.2, V2: 0.5}, {V1: 0.3, V2: 0.3}


async def begin(lab: Lab, **spec: Any) -> RoutingTable:
    """Both versions serve, and are compared; the table that shares out units."""
    await lab.applies("v1")
    await lab.applies("v2", name="tomato-b")
    await lab.compares(**spec)
    await lab.until_compared("Running")
    return await lab.until_kept(is_shared)


def is_shared(table: RoutingTable) -> bool:
    return "tomato" in table.models and len(table.models["tomato"].arms) == 2


async def until_said(lab: Lab, reason: str) -> list[str]:
    """All Events of Experiments, once there is one of that reason: it follows what it tells of."""
    return await until(lambda: (said := lab.events("Experiment")) and reason in said and said)


def conditions(status: dict[str, Any]) -> dict[str, str]:
    return {one["type"]: one["status"] for one in status["conditions"]}


async def test_the_better_version_is_found(lab: Lab, redis: RedisServer) -> None:
    async with lab.controller(webhook=False, redis=redis.url):
        table = await begin(lab)
        route = table.models["tomato"]
        assert [(arm.revision, arm.model, arm.role, arm.weight) for arm in route.arms] == [
            (V1, "tomato", "arm", 0.5),
            (V2, "tomato-b", "arm", 0.5),
        ]
        host = f"{lab.namespace}.svc.cluster.local"
        assert route.arms[1].url == f"http://tomato-b-predictor.{host}"
        assert (route.experiment, route.record, route.attribution_window) == ("leaves", True, 5)
        (own,) = table.models["tomato-b"].arms
        assert (own.version, own.weight) == ("v2", 1)
        await Visitors(redis.url).come(table, 1500, BETTER)
        status = await lab.until_compared("Decided")
        assert (status["winner"], conditions(status)["Decided"]) == ("v2", "True")
        assert status["message"].startswith("v2 is best")
        assert lab.kept_table() == table
        assert await until_said(lab, "Decided") == ["Began", "Decided"]


async def test_two_controllers_have_one_table_and_say_each_thing_once(
    lab: Lab, redis: RedisServer
) -> None:
    one = lab.controller(webhook=False, redis=redis.url)
    async with one, lab.controller(webhook=False, redis=redis.url):
        table = await begin(lab)
        await Visitors(redis.url).come(table, 1500, BETTER)
        status = await lab.until_compared("Decided")
        assert status["winner"] == "v2"
        assert sum(arm["units"] for arm in status["arms"]) <= 1500
        assert await until_said(lab, "Decided") == ["Began", "Decided"]
    assert lab.kept_table() == table


async def test_an_arm_that_is_not_there_is_waited_for(lab: Lab, redis: RedisServer) -> None:
    async with lab.controller(webhook=False, redis=redis.url):
        await lab.applies("v1")
        await lab.compares()
        await lab.until_compared("Waiting")
        await until(lambda: "no InferenceService tomato-b" in lab.compared()["message"])
        await lab.applies("v3", name="tomato-b")
        await until(lambda: "tomato-b serves v3, not v2" in lab.compared()["message"])
        assert not is_shared(lab.kept_table())
        await lab.applies("v2", name="tomato-b")
        await lab.until_compared("Running")
        route = (await lab.until_kept(is_shared)).models["tomato"]
        assert [arm.revision for arm in route.arms] == [V1, "tomato-b-predictor-00002"]


async def test_an_arm_by_a_name_that_no_table_can_hold_is_waited_for(
    lab: Lab, redis: RedisServer
) -> None:
    async with lab.controller(webhook=False, redis=redis.url):
        lab.actor.model_names["tomato-b"] = "$(NAME)"
        await lab.applies("v1")
        await lab.applies("v2", name="tomato-b")
        await lab.compares()
        await until(lambda: "model name '$(NAME)'" in lab.compared().get("message", ""))
        assert lab.compared()["phase"] == "Waiting"
        assert not is_shared(lab.kept_table())
        lab.actor.model_names["tomato-b"] = "leaves_of_tomato"
        await lab.applies("v2", name="tomato-b", note="named")
        await lab.until_compared("Running")
        route = (await lab.until_kept(is_shared)).models["tomato"]
        assert [arm.model for arm in route.arms] == ["tomato", "leaves_of_tomato"]


async def test_an_arm_of_another_version_ends_what_was_assigned(
    lab: Lab, redis: RedisServer
) -> None:
    async with lab.controller(webhook=False, redis=redis.url):
        await begin(lab)
        await lab.applies("v3", name="tomato-b")
        status = await lab.until_compared("Waiting")
        assert "serves v3, not v2" in status["message"]
        await lab.until_kept(lambda table: not is_shared(table))


async def test_a_new_revision_of_the_same_version_moves_nobody(
    lab: Lab, redis: RedisServer
) -> None:
    async with lab.controller(webhook=False, redis=redis.url):
        before = await begin(lab)
        visitors = Visitors(redis.url)
        await visitors.come(before, 300, ALIKE)
        await lab.applies("v2", name="tomato-b", note="argocd")
        table = await lab.until_kept(lambda table: table.models["tomato"].arms[1].revision != V2)
        now, then = (t.models["tomato"].arms for t in (table, before))
        assert [arm.intervals for arm in now] == [arm.intervals for arm in then]
        again = {V1: BETTER[V1], now[1].revision: BETTER[V2]}
        await visitors.come(table, 1200, again)
        status = await lab.until_compared("Decided")
        assert sum(arm["units"] for arm in status["arms"]) > 300
        assert await until_said(lab, "Decided") == ["Began", "Decided"]


async def test_without_redis_it_waits_and_says_for_what(lab: Lab) -> None:
    async with lab.controller(webhook=False):
        await lab.applies("v1")
        await lab.applies("v2", name="tomato-b")
        await lab.compares()
        status = await lab.until_compared("Waiting")
        assert "the controller has no Redis" in status["message"]
        await lab.until_kept(lambda table: "tomato" in table.models)
        assert not is_shared(lab.kept_table())


async def test_a_redis_that_is_away_holds_it_and_is_never_read_as_health(
    lab: Lab, redis: RedisServer
) -> None:
    async with lab.controller(webhook=False, redis=redis.url):
        table = await begin(lab)
        await asyncio.to_thread(redis.kill)
        await until(lambda: conditions(lab.compared())["EvidenceIncomplete"] == "Unknown")
        assert lab.compared()["phase"] == "Running"
        assert "does not answer" in lab.compared()["message"]
        await asyncio.to_thread(redis.start)
        await Visitors(redis.url).come(table, 1500, BETTER)
        status = await lab.until_compared("Decided")
        assert conditions(status)["EvidenceIncomplete"] == "False"
        assert lab.kept_table() == table


async def test_one_that_is_deleted_leaves_the_model_to_its_service(
    lab: Lab, redis: RedisServer
) -> None:
    async with lab.controller(webhook=False, redis=redis.url):
        shared = await begin(lab)
        where = lab.path(objects.TRELLIS, "experiments", "leaves")
        await lab.call("DELETE", where)
        table = await lab.until_kept(lambda table: not is_shared(table))
        assert table.version > shared.version
        (arm,) = table.models["tomato"].arms
        assert (arm.version, arm.role) == ("v1", "stable")
        assert not table.models["tomato"].record
        # Who comes back finds what they had: the same Experiment goes by the same salt.
        await lab.compares()
        again = await lab.until_kept(is_shared)
        arms = zip(again.models["tomato"].arms, shared.models["tomato"].arms, strict=True)
        assert all(now.intervals == then.intervals for now, then in arms)


async def test_another_that_has_the_model_refuses_it(lab: Lab, redis: RedisServer) -> None:
    async with lab.controller(webhook=False, redis=redis.url):
        await begin(lab)
        await asyncio.sleep(1.1)  # the API server's times of creation are whole seconds
        await lab.compares("younger")
        status = await lab.until_compared("Refused", "younger")
        assert "model tomato is in the Experiment leaves" in status["message"]
        await lab.compares(enabled=False)
        await lab.until_compared("Stopped")
        await lab.until_compared("Running", "younger")
        table = await lab.until_kept(lambda table: table.models["tomato"].experiment == "younger")
        assert is_shared(table)
        await lab.rolls_out()
        status = await lab.until_compared("Refused", "younger")
        assert "the Rollout tomato moves the traffic" in status["message"]


async def test_two_arms_behind_one_host_are_refused(lab: Lab, redis: RedisServer) -> None:
    async with lab.controller(webhook=False, redis=redis.url):
        await lab.applies("v1")
        await lab.compares(services={"v1": "tomato", "v2": "tomato"})
        status = await lab.until_compared("Refused")
        assert "give each version an InferenceService of its own" in status["message"]
        assert await until_said(lab, "Refused") == ["Refused"]

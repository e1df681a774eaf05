"""Passes of an Experiment over a real Redis: what is decided, what is remembered, what repeats."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from tests.integration.redis_server import RedisServer
from tests.integration.rollout.experiments.lab import (
    KEY,
    Died,
    Lab,
    converting,
    failing,
    spec_of,
)
from tests.integration.rollout.notifications.receiver import Receiver
from tests.integration.rollout.notifications.test_notifier import telling
from trellis.gateway.redis_clients import durable_redis
from trellis.rollout.errors import Conflict
from trellis.rollout.events.store import FoldStore
from trellis.rollout.experiments.memory import counted_as, recall
from trellis.rollout.experiments.reconcile import WRITE_SECONDS
from trellis.rollout.notifications.turns import TAKEN_OVER_SECONDS

Labs = Callable[..., Lab]
BETTER = converting(v1=0.2, v2=0.5)
ALIKE = converting(v1=0.3, v2=0.3)


@pytest.fixture
async def lab(redis_server: RedisServer) -> AsyncIterator[Labs]:
    client: Redis = durable_redis(redis_server.url)

    def make(**changed: Any) -> Lab:
        return Lab(client, f"test-{uuid4().hex[:12]}", spec_of(**changed))

    yield make
    await client.aclose()


async def test_the_better_version_is_found_and_units_stay_where_they_are(lab: Labs) -> None:
    run = lab()
    begun = await run.one_pass()
    assert (begun.phase, run.world.reasons) == ("Running", ["Began"])
    assert run.world.table is not None
    assert run.world.table.weights == {"v1": 0.5, "v2": 0.5}
    await run.come(1500, BETTER)
    early = await run.one_pass()
    assert early.winner is None
    await run.wait(20)
    decided = await run.one_pass()
    assert (decided.phase, decided.winner) == ("Decided", "v2"), decided.message
    assert decided.message.startswith("v2 is best: conversions: v1 ")
    assert run.world.condition("Decided") == ("True", "Winner")
    assert run.world.condition("Ready") == ("True", "UnitsAssigned")
    assert run.world.reasons == ["Began", "Decided"]
    assert run.world.table.weights == {"v1": 0.5, "v2": 0.5}
    assert sum(arm.units for arm in decided.arms) == 1500
    await run.one_pass()
    assert run.world.reasons == ["Began", "Decided"]


async def test_nothing_is_split_before_all_arms_are_ready(lab: Labs) -> None:
    run = lab()
    run.world.not_ready = {"v2": "it is starting"}
    status = await run.one_pass()
    assert (status.phase, status.message) == ("Waiting", "Waits for v2: it is starting.")
    assert run.world.table is None
    run.world.not_ready = {}
    assert (await run.one_pass()).phase == "Running"
    run.world.not_ready = {"v2": "its process died"}
    status = await run.one_pass()
    # Units of an arm that fails meet it all the same: else its failures would be nobody's.
    assert (status.phase, run.world.condition("Ready")) == ("Running", ("False", "ArmNotReady"))
    assert run.world.table is not None
    run.world.missing = {"v2"}
    assert (await run.one_pass()).phase == "Waiting"
    assert run.world.table is None


async def test_units_that_do_not_come_as_assigned_halt_it(lab: Labs) -> None:
    run = lab()
    await run.one_pass()
    await run.come(1500, ALIKE, unseen={"v2": 0.5})
    status = await run.one_pass()
    assert status.phase == "Halted"
    assert run.world.condition("Halted") == ("True", "SampleRatioMismatch")
    assert run.world.table is not None
    assert run.world.table.weights == {"v1": 1, "v2": 0}
    assert run.world.table.experiment == "leaves"
    await run.come(500, ALIKE)
    assert (await run.one_pass()).phase == "Halted"
    assert run.world.reasons == ["Began", "Halted"]


async def test_an_arm_that_harms_halts_it_and_enabling_it_again_starts_anew(lab: Labs) -> None:
    errors = {"metric": "errors", "margin": {"ratio": 1.5}}
    run = lab(guardrails=[errors])
    await run.one_pass()
    await run.come(1000, failing(v1=0.02, v2=0.4))
    status = await run.one_pass()
    assert status.phase == "Halted"
    assert run.world.condition("Halted")[1] == "GuardrailHarm"
    assert "All units go to v1" in status.message
    before = counted_as(status)
    run.world.edit(spec_of(guardrails=[errors], enabled=False))
    stopped = await run.one_pass()
    assert (stopped.phase, run.world.table) == ("Stopped", None)
    run.world.edit(spec_of(guardrails=[errors]))
    again = await run.one_pass()
    assert again.phase == "Running"
    assert sum(arm.units for arm in again.arms) == 0
    assert counted_as(again) != before


async def test_a_controller_that_died_goes_on_with_what_was_written(lab: Labs) -> None:
    run, calm = lab(), lab()
    calm.now = run.now
    for one in (run, calm):
        await one.one_pass()
    for _ in range(6):
        for one in (run, calm):
            await one.come(200, BETTER)
            await one.one_pass()
        run.start()
    for one in (run, calm):
        await one.wait(20)
        await one.one_pass()
        one.now += WRITE_SECONDS
        await one.one_pass()
    died, went_on = run.world.status, calm.world.status
    assert [arm.units for arm in died.arms] == [arm.units for arm in went_on.arms]
    assert [arm.ripe for arm in died.arms] == [arm.ripe for arm in went_on.arms]
    assert died.arms[1].difference == went_on.arms[1].difference
    assert run.world.reasons.count("Began") == 1


@pytest.mark.parametrize("step", range(1, 13))
async def test_dying_at_any_step_repeats_nothing_and_skips_nothing(lab: Labs, step: int) -> None:
    """Each pass is cut at its ``step``-th word to a port, and done again by a new controller."""
    run = lab()
    nine = [{"version": "v1", "weight": 9}, {"version": "v2", "weight": 1}]
    cut = 0
    for spec in (spec_of(), spec_of(), spec_of(arms=nine), spec_of(arms=nine)):
        run.world.edit(spec)
        run.now += WRITE_SECONDS
        try:
            await run.dying(step).reconcile(KEY)
        except Died:
            cut += 1
        run.start()
        await run.one_pass()
        await run.come(150, ALIKE)
    await run.wait(20)
    run.now += WRITE_SECONDS
    status = await run.one_pass()
    assert cut
    assert sum(arm.units for arm in status.arms) == 600
    assert sum(arm.ripe for arm in status.arms) == 600
    assert (status.phase, run.world.reasons.count("Began") <= 1) == ("Running", True)
    identity = counted_as(status)
    assert identity is not None
    watch = await run.store.stored(identity)
    assert watch is not None
    assert run.world.table is not None
    assert watch.shares == run.world.table.shares
    assert [notice.what for notice in recall(status).notices] in ([], ["began"])


async def test_two_controllers_at_once_count_each_unit_once(lab: Labs) -> None:
    run = lab()
    other = run.another()
    for _ in range(8):
        for controller in (run.controller, other):
            try:
                await controller.reconcile(KEY)
            except Conflict:
                await controller.reconcile(KEY)
        await run.come(100, BETTER)
        run.now += WRITE_SECONDS / 2
    await run.wait(20)
    run.now += WRITE_SECONDS
    status = await run.one_pass()
    assert sum(arm.units for arm in status.arms) == 800
    assert len(await run.store.names()) == 1


async def test_two_controllers_tell_of_each_step_once(lab: Labs) -> None:
    run, receiver = lab(), Receiver()
    async with receiver.up(), telling(receiver) as one, telling(receiver) as two:
        both = [run.another(notifier=told.notifier) for told in (one, two)]

        async def passes() -> None:
            for controller in both:
                try:
                    await controller.reconcile(KEY)
                except Conflict:
                    await controller.reconcile(KEY)

        await passes()
        await receiver.took(1)
        for number, enabled in enumerate((False, True, False), 2):
            run.world.edit(spec_of(enabled=enabled))
            both.reverse()
            await passes()
            await passes()
            if not enabled:
                await receiver.took(number - number // 4)
        assert run.world.found is not None
        spec = run.world.found.spec.replace(b'"v2"', b'"v1"')
        token = str(int(run.world.found.token) + 1)
        run.world.found = replace(run.world.found, spec=spec, token=token)
        await passes()
        await receiver.took(4)
        run.now += TAKEN_OVER_SECONDS
        await passes()
        await passes()
        told = [event["type"].rpartition(".")[2] for event in receiver.events]
    assert told == ["began", "stopped", "stopped", "refused"]
    assert set(receiver.attempts.values()) == {1}
    assert recall(run.world.status).notices == ()


@pytest.mark.parametrize("hindrance", ["arm", "redis", "refusal", "disabled"])
@pytest.mark.parametrize("strategy", ["hash", "weighted"])
async def test_an_edit_while_something_is_in_the_way_counts_nothing_old(
    lab: Labs, hindrance: str, strategy: str
) -> None:
    run = lab(strategy=strategy)
    await run.one_pass()
    await run.come(200, ALIKE)
    await run.wait(20)
    run.now += WRITE_SECONDS
    before = await run.one_pass()
    table = run.world.table
    nowhere: Redis = durable_redis("redis://127.0.0.1:1/0")
    if hindrance == "redis":
        run.controller = run.another(FoldStore(nowhere, "away"))
    run.world.missing = {"v3"} if hindrance == "arm" else set()
    run.world.refusal = "a rival" if hindrance == "refusal" else ""
    arms = [{"version": "v1"}, {"version": "v3"}]
    enabled = hindrance != "disabled"
    run.world.edit(spec_of(strategy=strategy, arms=arms, enabled=enabled))
    for _ in range(3):
        run.world.table = table  # gateways that lag
        await run.come(100, ALIKE)
        await run.wait(20)
        status = await run.one_pass()
        assert status.evidence == before.evidence
        assert [arm.units for arm in status.arms] == [0, 0]
    await nowhere.aclose()
    run.start()
    run.world.missing, run.world.refusal = set(), ""
    # The old question is asked again, and has all that was counted of it.
    run.world.edit(spec_of(strategy=strategy))
    run.now += 5
    back = await run.one_pass()
    assert (back.phase, [arm.version for arm in back.arms]) == ("Running", ["v1", "v2"])
    assert sum(arm.units for arm in back.arms) >= 200
    run.world.edit(spec_of(strategy=strategy, arms=arms))
    status = await run.one_pass()
    assert (status.phase, [arm.units for arm in status.arms]) == ("Running", [0, 0])
    assert counted_as(status) != counted_as(before)


async def test_a_halt_outlasts_what_redis_had(lab: Labs) -> None:
    run = lab()
    await run.one_pass()
    await run.come(1500, ALIKE, unseen={"v2": 0.5})
    assert (await run.one_pass()).phase == "Halted"
    await run.redis.flushall()
    status = await run.one_pass()
    assert (status.phase, run.world.reasons) == ("Halted", ["Began", "Halted"])
    assert run.world.table is not None
    assert run.world.table.weights == {"v1": 1, "v2": 0}


async def test_new_weights_are_counted_before_the_table_has_them(lab: Labs) -> None:
    run = lab()
    await run.one_pass()
    await run.come(400, ALIKE)
    nine = [{"version": "v1", "weight": 9}, {"version": "v2", "weight": 1}]
    run.world.edit(spec_of(arms=nine))
    await run.one_pass()
    identity = counted_as(run.world.status)
    assert identity is not None
    watch = await run.store.stored(identity)
    assert watch is not None
    assert (watch.era, watch.shares) == (1, {"tomato-v1": 0.9, "tomato-v2": 0.1})
    assert run.world.table is not None
    assert run.world.table.shares == watch.shares
    await run.come(600, ALIKE)
    await run.wait(20)
    run.now += WRITE_SECONDS
    status = await run.one_pass()
    # Both eras' units are of one evidence, and came as each era's shares meant.
    assert sum(arm.units for arm in status.arms) == 1000
    assert (status.phase, run.world.reasons) == ("Running", ["Began"])


async def test_another_goal_begins_anew(lab: Labs) -> None:
    run = lab()
    await run.one_pass()
    await run.come(400, ALIKE)
    before = counted_as(await run.one_pass())
    run.world.edit(spec_of(goal={"kind": "score"}))
    status = await run.one_pass()
    assert sum(arm.units for arm in status.arms) == 0
    assert counted_as(status) not in {None, before}
    assert run.world.reasons == ["Began", "Began"]
    assert status.trace == () or status.trace[0].time >= run.now


async def test_weights_follow_the_evidence_by_the_epoch(lab: Labs) -> None:
    run = lab(strategy="weighted", epoch="60s", minimum_share="10%")
    await run.one_pass()
    await run.come(1000, BETTER)
    await run.wait(20)
    assert run.world.table is not None
    assert (await run.one_pass()).plan["epoch"]["number"] == 1
    run.now += 60
    status = await run.one_pass()
    assert status.plan["epoch"]["number"] == 2
    weights = run.world.table.weights
    assert weights["v2"] == pytest.approx(0.9)
    # What was decided is not decided again, by a new controller either.
    run.start()
    assert (await run.one_pass()).plan["epoch"] == status.plan["epoch"]
    await run.come(500, BETTER)
    await run.wait(20)
    assert (await run.one_pass()).winner == "v2"


async def test_a_stopped_one_is_counted_until_all_has_ripened(lab: Labs) -> None:
    run = lab()
    await run.one_pass()
    await run.come(1500, BETTER)
    run.world.edit(spec_of(enabled=False))
    stopped = await run.one_pass()
    assert (stopped.phase, stopped.winner, run.world.table) == ("Stopped", None, None)
    assert counted_as(stopped)
    await run.wait(20)
    ripened = await run.one_pass()
    assert (ripened.phase, ripened.winner) == ("Stopped", "v2")
    await run.wait(200)
    over = await run.one_pass()
    assert counted_as(over) is None
    assert (over.winner, over.arms[1].units) == ("v2", ripened.arms[1].units)
    run.start()
    assert (await run.one_pass()).winner == "v2"


async def test_a_rival_refuses_it_and_what_was_counted_stays(lab: Labs) -> None:
    run = lab()
    await run.one_pass()
    await run.come(300, ALIKE)
    run.world.refusal = "tomato is in the Experiment older."
    status = await run.one_pass()
    assert (status.phase, run.world.table) == ("Refused", None)
    assert status.message.startswith("tomato is in the Experiment older.")
    assert run.world.reasons == ["Began", "Refused"]
    run.world.refusal = ""
    status = await run.one_pass()
    assert (status.phase, sum(arm.units for arm in status.arms)) == ("Running", 300)


async def test_a_spec_that_breaks_a_rule_is_refused_by_field(lab: Labs) -> None:
    run = lab()
    await run.one_pass()
    assert run.world.found is not None
    spec = run.world.found.spec.replace(b'"v2"', b'"v1"')
    object.__setattr__(run.world.found, "spec", spec)
    await run.one_pass()
    status = await run.one_pass()
    assert status.phase == "Refused"
    assert status.message.startswith("spec: arms: each version once")
    assert (run.world.table, run.world.reasons) == (None, ["Began", "Refused"])
    assert run.world.condition("Ready") == ("False", "Refused")


async def test_without_redis_all_is_held_and_said(lab: Labs) -> None:
    run = lab()
    await run.one_pass()
    await run.come(300, ALIKE)
    before = await run.one_pass()
    table = run.world.table
    nowhere: Redis = durable_redis("redis://127.0.0.1:1/0")
    away = run.another(FoldStore(nowhere, "away"))
    nine = [{"version": "v1", "weight": 9}, {"version": "v2", "weight": 1}]
    run.world.edit(spec_of(arms=nine))
    await away.reconcile(KEY)
    status = run.world.status
    assert run.world.table == table
    assert status.arms[0].exposures == before.arms[0].exposures
    assert "Nothing is decided meanwhile: the events' Redis does not answer" in status.message
    assert run.world.condition("EvidenceIncomplete") == ("Unknown", "EventsUnreadable")
    fresh = lab()
    controller = fresh.another(FoldStore(nowhere, "away"))
    await controller.reconcile(KEY)
    assert (fresh.world.status.phase, fresh.world.table) == ("Waiting", None)
    await nowhere.aclose()


async def test_what_was_counted_and_is_gone_is_no_evidence(lab: Labs) -> None:
    run = lab()
    await run.one_pass()
    await run.come(600, BETTER)
    await run.one_pass()
    await run.redis.flushall()
    status = await run.one_pass()
    assert run.world.reasons == ["Began", "EvidenceLost"]
    assert (status.phase, sum(arm.units for arm in status.arms)) == ("Running", 0)
    await run.come(100, BETTER)
    run.now += WRITE_SECONDS
    assert sum(arm.units for arm in (await run.one_pass()).arms) == 100


async def test_numbers_alone_are_written_once_a_minute(lab: Labs) -> None:
    run = lab()
    await run.one_pass()
    await run.one_pass()  # that everybody was told
    writes = run.world.writes
    for _ in range(5):
        await run.come(40, ALIKE)
        await run.one_pass()
    assert run.world.writes == writes
    newest = run.controller.status(KEY)
    assert newest is not None
    assert sum(arm.units for arm in newest.arms) == 200
    run.now += WRITE_SECONDS
    await run.one_pass()
    assert run.world.writes == writes + 1
    assert sum(point.exposures for point in run.world.status.trace if point.time == run.now) == 200


async def test_one_that_is_deleted_is_out_of_the_table(lab: Labs) -> None:
    run = lab()
    await run.one_pass()
    assert run.world.table is not None
    run.world.found = None
    assert await run.controller.reconcile(KEY) is None
    assert run.world.table is None
    assert run.controller.status(KEY) is None

"""What is recalled of the evidence where a part of it is damaged."""

from typing import Any

import pytest

from trellis.contracts.rollout import Guardrail, RolloutSpec
from trellis.rollout.events.trial import UnitNews
from trellis.rollout.looks import Count, Look, SideLook
from trellis.rollout.metrics.port import Counters, Pod, Readings
from trellis.rollout.observation import Observation

ERRORS = Guardrail(metric="errors")
SPEC = RolloutSpec(inference_service="leaf", guardrails=(ERRORS,))


def counted() -> Observation:
    look = Look("units", SideLook({"errors": Count(9, 30)}), SideLook({"errors": Count(1, 30)}))
    observation = Observation.start(SPEC).begun("1@10")
    readings = Readings(time=5.0, pods=(), counters={})
    return observation.counted(readings, {}, SPEC, 10, UnitNews((look,), 4, 60), by_unit=True)


def test_all_is_recalled_as_it_was() -> None:
    observation = counted()
    recalled = Observation.recall(observation.to_state(), SPEC)
    assert recalled is not None
    assert recalled.to_state() == observation.to_state()


@pytest.mark.parametrize("snapshot", [{"stage": "1@10"}, {"pods": None}, ["no", "mapping"]])
def test_a_damaged_snapshot_costs_no_evidence(snapshot: Any) -> None:
    observation = counted()
    recalled = Observation.recall(observation.to_state() | {"snapshot": snapshot}, SPEC)
    assert recalled is not None
    assert recalled.snapshot is None
    assert (recalled.span, recalled.reached) == ("1@10", 4)
    assert recalled.verdicts() == observation.verdicts() != Observation.start(SPEC).verdicts()


def test_without_the_number_of_its_looks_no_evidence_is_recalled() -> None:
    """They would be counted twice."""
    assert Observation.recall(counted().to_state() | {"reached": "?"}, SPEC) is None


def by_tag(
    observation: Observation,
    time: float,
    total: float,
    exposures: int,
    spec: RolloutSpec = SPEC,
    *,
    by_unit: bool = True,
) -> Observation:
    """A pod of the canary has answered so many requests, all by its tag's host."""
    pod = Pod("pod", "r2", "10.0.0.1", running=True, ready=True)
    counters = Counters(total, {"errors": Count(0, 0)}, witness=total, tagged=total)
    readings = Readings(time, (pod,), {"pod": counters})
    told = UnitNews((), 4, exposures)
    return observation.counted(readings, {"r2": "canary"}, spec, 10, told, by_unit=by_unit)


def test_requests_of_which_no_gateway_tells_are_no_health() -> None:
    """Queue-proxies leave them to gateways, which may have another Redis."""
    observation = Observation.start(SPEC).begun("1@10")
    for time, total, exposures in ((0.0, 0, 0), (5.0, 40, 30), (10.0, 80, 70), (15.0, 120, 70)):
        observation = by_tag(observation, time, total, exposures)
        assert (observation.unheard, blind(observation)) == ("", "")
    observation = by_tag(observation, 40.0, 160, 70)
    assert "80 requests came by the hosts of tags" in observation.unheard
    recalled = Observation.recall(observation.to_state(), SPEC)
    assert recalled is not None
    assert recalled.unheard == observation.unheard
    observation = by_tag(observation, 45.0, 200, 70)
    assert "120 requests came by the hosts of tags" in blind(observation)
    observation = by_tag(observation, 50.0, 240, 90)
    assert (observation.unheard, blind(observation)) == ("", "")


def test_gateways_that_were_led_away_may_try_again() -> None:
    observation = Observation.start(SPEC).begun("1@10")
    for time in (0.0, 5.0, 30.0, 35.0):
        observation = by_tag(observation, time, 10 * time, 0)
    assert observation.unheard
    observation = by_tag(observation, 40.0, 400, 0, by_unit=False)
    assert observation.unheard == ""
    observation = by_tag(observation, 100.0, 1000, 0)
    assert observation.unheard == ""


def test_where_gateways_are_to_tell_of_nothing_they_may_be_silent() -> None:
    spec = RolloutSpec(inference_service="leaf", guardrails=(Guardrail(metric="restarts"),))
    observation = Observation.start(spec).begun("1@10")
    for time in (0.0, 5.0, 30.0, 60.0):
        observation = by_tag(observation, time, 10 * time, 0, spec)
    assert observation.unheard == ""


def blind(observation: Observation) -> str:
    (verdict,) = observation.verdicts()
    return verdict.message if verdict.state == "blind" else ""

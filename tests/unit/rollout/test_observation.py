"""What is recalled of the evidence where a part of it is damaged."""

from typing import Any

import pytest

from trellis.contracts.rollout import Guardrail, RolloutSpec
from trellis.rollout.events.trial import UnitNews
from trellis.rollout.looks import Count, Look, SideLook
from trellis.rollout.metrics.port import Readings
from trellis.rollout.observation import Observation

ERRORS = Guardrail(metric="errors")
SPEC = RolloutSpec(inference_service="leaf", guardrails=(ERRORS,))


def counted() -> Observation:
    look = Look("units", SideLook({"errors": Count(9, 30)}), SideLook({"errors": Count(1, 30)}))
    observation = Observation.start(SPEC).begun("1@10")
    readings = Readings(time=5.0, pods=(), counters={})
    return observation.counted(readings, {}, SPEC, 10, UnitNews((look,), 4))


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

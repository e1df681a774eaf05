import math

import pytest

from trellis.contracts.rollout import RolloutSpec
from trellis.rollout.planning.outlook import Wait, outlook
from trellis.rollout.planning.rates import Rates, Regression

SPEC = RolloutSpec(inference_service="tomato")


def test_each_step_has_its_waits() -> None:
    found = outlook(SPEC, {"errors": 0.02}, 20, Regression(ratio=5))
    assert [(row.guardrail, row.weight) for row in found.weights] == [
        ("errors", 5),
        ("errors", 20),
        ("errors", 50),
    ]
    assert found.regressions == {"errors": Rates(0.1, 0.02)}
    assert found.unplanned == ("restarts",)
    for row in found.weights:
        assert 0 < row.caught.median <= row.caught.most < row.passed.most < math.inf
    times = [found.caught_seconds(weight) for weight in (5, 20, 50)]
    assert times == sorted(times, reverse=True)
    assert found.passed_seconds(50) > found.caught_seconds(50)


def test_seconds_are_those_of_the_canarys_part_of_the_traffic() -> None:
    assert Wait(median=50, most=120).seconds(20, 5) == 120


def test_a_weight_that_was_not_asked_for_is_never_enough() -> None:
    found = outlook(SPEC, {"errors": 0.05}, 20, Regression(rate=0.9), weights=(50,))
    assert math.isinf(found.caught_seconds(5))


@pytest.mark.parametrize(
    ("rates", "per_second", "words"),
    [
        ({}, 20.0, "the rate of at least one guardrail"),
        ({"errors": 0.01}, 0.0, "0 requests a second bring no evidence"),
        ({"latency": 0.01}, 20.0, "no guardrail 'latency'"),
    ],
)
def test_what_cannot_be_planned_is_refused(
    rates: dict[str, float], per_second: float, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        outlook(SPEC, rates, per_second)

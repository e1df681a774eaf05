import pytest

from trellis.contracts.amounts import seconds
from trellis.contracts.rollout import RolloutSpec
from trellis.rollout.planning.proposal import propose_steps
from trellis.rollout.planning.rates import Regression

SPEC = RolloutSpec(inference_service="tomato")


@pytest.mark.parametrize(
    ("per_second", "weights"),
    [(2000, [1, 5, 20, 50]), (20, [10, 50]), (0.001, [50])],
    ids=["busy", "less busy", "hopeless"],
)
def test_the_first_step_is_the_lowest_that_catches_the_regression_in_time(
    per_second: float, weights: list[int]
) -> None:
    steps = propose_steps(SPEC, {"errors": 0.02}, per_second, Regression(ratio=4), patience=600)
    assert [step.weight for step in steps] == weights
    assert RolloutSpec(inference_service="tomato", steps=steps, deadline="9d").steps == steps


def test_a_step_lasts_until_a_version_beyond_doubt_would_be_gone() -> None:
    (step,) = propose_steps(SPEC, {"errors": 0.02}, 0.05, patience=60)
    assert 60 < seconds(step.minimum_time) <= 86_400

import math
from itertools import product

import numpy as np
import pytest

from trellis.rollout.evidence.propensity import ArmAbove, ArmMean, LowerMean
from trellis.rollout.looks import Moments


def ones(number: float, events: float) -> Moments:
    return Moments(number, events, events)


@pytest.mark.parametrize("mean", [0.05, 0.5])
@pytest.mark.parametrize("propensities", [(0.5, 0.5, 0.5), (0.9, 0.2, 0.1)])
def test_its_mean_is_at_most_one_with_weights_that_the_past_decides(
    mean: float, propensities: tuple[float, ...]
) -> None:
    """Every outcome of three units; after an event the arm's weight is another one."""
    expected = 0.0
    for outcomes in product(("other", "event", "none"), repeat=3):
        evidence, probability, seen = LowerMean(), 1.0, 0
        for outcome, weight in zip(outcomes, propensities, strict=True):
            propensity = weight / 2 if seen else weight
            value = 1 / propensity if outcome == "event" else 0.0
            probability *= {
                "other": 1 - propensity,
                "event": propensity * mean,
                "none": propensity * (1 - mean),
            }[outcome]
            seen += outcome == "event"
            evidence = evidence.add(1, value, value**2)
        expected += probability * math.exp(evidence.log_above(mean))
    assert expected <= 1 + 1e-12


def run(rates: tuple[float, float], epochs: int, seed: int) -> tuple[ArmMean, ArmMean, ArmAbove]:
    """Two arms whose weights follow the past's conversions, with a floor of a tenth."""
    random = np.random.default_rng(seed)
    first, second, above = ArmMean(), ArmMean(), ArmAbove()
    weight = 0.5
    for _ in range(epochs):
        mine = int(random.binomial(200, weight))
        a = ones(mine, int(random.binomial(mine, rates[0])))
        b = ones(200 - mine, int(random.binomial(200 - mine, rates[1])))
        first, second = first.add(200, a, weight), second.add(200, b, 1 - weight)
        above = above.add(200, a, b, (weight, 1 - weight))
        better = (first.estimate or 0) > (second.estimate or 0)
        weight = min(0.9, weight + 0.1) if better else max(0.1, weight - 0.1)
    return first, second, above


def test_intervals_hold_the_means_while_weights_follow_the_evidence() -> None:
    rates = 0.3, 0.2
    missed = 0
    for seed in range(40):
        arms = run(rates, epochs=20, seed=seed)[:2]
        intervals = [arm.interval(0.05) for arm in arms]
        missed += any(
            not lower <= rate <= upper
            for (lower, upper), rate in zip(intervals, rates, strict=True)
        )
        assert all(upper - lower < 0.45 for lower, upper in intervals)
    # Each of the two misses with 0.05 at most: over 12 of 40 have a probability of 2e-4 at most.
    assert missed <= 12


def test_the_better_arm_is_shown_to_be() -> None:
    _, _, above = run((0.35, 0.2), epochs=40, seed=1)
    assert above.log_e > math.log(20)
    assert 0 < above.difference_at_least(0.05) < 0.15
    _, _, below = run((0.2, 0.35), epochs=40, seed=1)
    assert below.log_e < 0
    assert below.difference_at_least(0.05) < 0


def test_without_a_unit_anything_is_possible() -> None:
    assert ArmMean().interval(0.05) == (0.0, 1.0)
    assert ArmMean().estimate is None
    assert ArmAbove().difference_at_least(0.05) == -1.0


def test_all_of_one_arm_with_certainty_is_a_plain_mean() -> None:
    arm = ArmMean()
    for _ in range(200):
        arm = arm.add(10, ones(10, 5), 1.0)
    assert arm.estimate == pytest.approx(0.5)
    lower, upper = arm.interval(0.05)
    assert 0.42 < lower < 0.5 < upper < 0.58


def test_state_goes_round() -> None:
    first, _, above = run((0.3, 0.2), epochs=3, seed=9)
    assert ArmMean.from_state(first.to_state()) == first
    assert ArmAbove.from_state(above.to_state()) == above


@pytest.mark.parametrize(
    ("units", "own", "propensity", "what"),
    [
        (10, ones(4, 2), 0.0, "propensity"),
        (10, ones(4, 2), 1.1, "propensity"),
        (3, ones(4, 2), 0.5, "units"),
        (10, Moments(4, 6, 9), 0.5, "outcomes"),
        (10, Moments(4, 2, 3), 0.5, "outcomes"),
        (10, Moments(4, 2, 0.1), 0.5, "outcomes"),
    ],
)
def test_what_cannot_be_is_refused(
    units: float, own: Moments, propensity: float, what: str
) -> None:
    with pytest.raises(ValueError, match=what):
        ArmMean().add(units, own, propensity)

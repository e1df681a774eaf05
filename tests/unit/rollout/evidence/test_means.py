import json
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from trellis.rollout.evidence.means import EVENTS, MANY, MeanContrast
from trellis.rollout.evidence.normal import boundary, log_one_sided
from trellis.rollout.looks import Moments

Values = NDArray[np.float64]


def moments(values: Values) -> Moments:
    return Moments(len(values), float(values.sum()), float((values**2).sum()))


def looks(
    seed: int, number: int, canary: int, stable: int, ratio: float = 1.0
) -> list[tuple[Values, Values]]:
    """Of log-normal times, with a load that changes from look to look and that both share."""
    random = np.random.default_rng(seed)
    loads = random.lognormal(0, 0.7, number)
    return [
        (ratio * load * random.lognormal(-2, 1, canary), load * random.lognormal(-2, 1, stable))
        for load in loads
    ]


def after(history: list[tuple[Values, Values]], *, signed: bool = False) -> MeanContrast:
    contrast = MeanContrast(signed=signed)
    for canary, stable in history:
        contrast = contrast.add(moments(canary), moments(stable))
    return contrast


def test_the_sums_are_those_of_the_formula() -> None:
    history = looks(1, 30, 5, 20)
    contrast = after(history)
    weight = 5 * 20 / 25
    total = sum(weight * (canary.mean() - stable.mean()) for canary, stable in history)
    variance = sum(
        weight**2 * (canary.var(ddof=1) / 5 + stable.var(ddof=1) / 20) for canary, stable in history
    )
    floored = sum(
        weight**2 * (stable.var(ddof=1) / 5 + stable.var(ddof=1) / 20) for _, stable in history
    )
    assert contrast.difference == pytest.approx(total / (30 * weight))
    assert contrast.variance(1.0) == pytest.approx(max(variance, floored))
    assert contrast.variance(3.0) - contrast.variance(0.0) == pytest.approx(
        9 * weight**2 * sum(stable.var(ddof=1) / 20 for _, stable in history)
    )
    assert contrast.begun
    at_most = log_one_sided(total - 0.1 * 30 * weight, contrast.variance(1.0), contrast.scale)
    assert contrast.log_above(difference=0.1) == pytest.approx(at_most)
    half = boundary(contrast.variance(1.0), contrast.scale, 0.05) / (30 * weight)
    interval = contrast.interval(0.05)
    assert interval is not None
    assert interval[1] - interval[0] == pytest.approx(2 * half)


def test_a_single_value_of_a_look_takes_its_variance_from_the_others() -> None:
    contrast = after(looks(2, 200, 1, 19))
    several = after(looks(2, 200, 19, 19))
    assert contrast.canary.freedom == 0
    each = contrast.stable.residual / contrast.stable.freedom
    assert contrast.canary.variance(contrast.stable) >= contrast.canary.single * each
    assert several.canary.single == 0


def test_what_both_sides_share_in_a_look_leaves_the_comparison() -> None:
    random = np.random.default_rng(3)
    history = [
        (load + random.normal(0, 1, 10), load + random.normal(0, 1, 10)) for load in range(40)
    ]
    interval = after(history).interval(0.05)
    assert interval is not None
    assert interval[1] - interval[0] < 0.6
    assert interval[0] < 0 < interval[1]


def test_it_begins_only_with_ten_expected_events_of_the_smaller_side() -> None:
    none, one = Moments(5, 0, 0), Moments(100, 1, 1)
    contrast = MeanContrast()
    while not contrast.begun:
        assert contrast.log_above() == 0.0
        assert contrast.interval(0.05) is None
        contrast = contrast.add(none, one)
    # 5 of the canary against 100 of stable with one event, among 105: 0.048 expected in a look.
    assert contrast.canary.number / 5 == math.ceil(EVENTS * 105 / 5)


def test_values_about_zero_begin_with_many() -> None:
    random = np.random.default_rng(4)
    history = [(random.normal(0, 1, 50), random.normal(0, 1, 50)) for _ in range(20)]
    assert after(history, signed=True).begun
    assert not after(history[:-1], signed=True).begun
    assert MANY == 20 * 50


def test_slower_is_shown_and_equal_is_not() -> None:
    slower, equal = after(looks(5, 300, 5, 45, ratio=1.6)), after(looks(5, 300, 5, 45))
    assert slower.log_above() > math.log(40)
    assert equal.log_above() < 1
    assert equal.log_below(ratio=1.5) > math.log(20)
    assert slower.log_below(ratio=1.5) < 1


def test_a_ratio_lies_in_its_interval_and_its_ends_are_where_the_boundary_is() -> None:
    contrast = after(looks(6, 200, 10, 90, ratio=1.3))
    assert contrast.ratio == pytest.approx(1.3, rel=0.15)
    interval = contrast.ratio_interval(0.05)
    assert interval is not None
    assert interval[0] < 1.3 < interval[1]
    for end in interval:
        off = abs(contrast.canary.weighted - end * contrast.stable.weighted)
        assert off == pytest.approx(boundary(contrast.variance(end), contrast.scale, 0.05))


def test_means_that_may_be_zero_have_no_ratio() -> None:
    random = np.random.default_rng(7)
    around = [(random.normal(0, 1, 100), random.normal(0, 1, 100)) for _ in range(20)]
    assert after(around, signed=True).ratio_interval(0.05) is None


def test_sides_change_places() -> None:
    history = looks(8, 80, 10, 10, ratio=1.4)
    there = after(history)
    back = after([(stable, canary) for canary, stable in history])
    assert there.log_above() == pytest.approx(back.log_below())


@pytest.mark.parametrize(
    ("canary", "stable"), [(1, 19), (10, 10)], ids=["one in twenty", "half and half"]
)
def test_equal_heavy_tails_are_told_apart_at_most_alpha_of_the_time(
    canary: int, stable: int
) -> None:
    """Asymptotic, so no theorem: 120 rollouts of 150 looks, watched at each of them."""
    alarms = 0
    for seed in range(120):
        contrast, alarmed = MeanContrast(), False
        for mine, theirs in looks(1000 + seed, 150, canary, stable):
            contrast = contrast.add(moments(mine), moments(theirs))
            alarmed = alarmed or contrast.log_above() >= math.log(20)
        alarms += alarmed
    # At a true rate of 0.05 more than 15 of 120 have a probability of 3e-4.
    assert alarms <= 15


def test_a_look_of_one_side_adds_nothing() -> None:
    contrast = after(looks(9, 20, 5, 5))
    assert contrast.add(Moments(0, 0, 0), Moments(3, 1, 1)) == contrast


def test_state_goes_round() -> None:
    contrast = after(looks(10, 50, 3, 30))
    assert MeanContrast().restored(json.loads(json.dumps(contrast.to_state()))) == contrast

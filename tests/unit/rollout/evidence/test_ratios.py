import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.rollout.evidence.enumeration import binomials, hypergeometric
from trellis.rollout.evidence.ratios import ATOMS, GRID, LARGEST, RatioEvidence
from trellis.rollout.looks import Count

RATES = [0.001, 0.02, 0.2, 0.45]
MARGINS = [1.2, 1.5, 2.0]


def after(margin: float, *looks: tuple[int, int, int, int]) -> RatioEvidence:
    evidence = RatioEvidence(margin)
    for canary_events, canary, stable_events, stable in looks:
        evidence = evidence.add(Count(canary_events, canary), Count(stable_events, stable))
    return evidence


def test_the_vector_is_the_likelihood_written_out() -> None:
    share = 5 / 100
    chance = share * GRID / (share * GRID + 1 - share)
    expected = 3 * np.log(chance) + 2 * np.log(1 - chance)
    assert after(1.5, (3, 5, 2, 95)).likelihood[:-1] == pytest.approx(expected)


def test_harm_is_the_mean_of_the_likelihood_ratios_above_the_margin() -> None:
    margin, share = 2.0, 0.25

    def likelihood(ratio: float) -> float:
        chance = share * ratio / (share * ratio + 1 - share)
        return chance**4 * (1 - chance)

    above = [ratio for ratio in GRID if ratio > margin]
    mean = sum(likelihood(ratio) for ratio in above) / len(above) / likelihood(margin)
    # A fifth of the wealth waits for harm that begins late.
    assert after(margin, (4, 10, 1, 30)).log_harm == pytest.approx(math.log(0.8 * mean + 0.2))


def test_within_weighs_ratios_below_the_margin_by_themselves() -> None:
    margin, share = 1.5, 0.5

    def likelihood(ratio: float) -> float:
        chance = share * ratio / (share * ratio + 1 - share)
        return float(chance**2 * (1 - chance) ** 6)

    below = [ratio for ratio in GRID if ratio < margin]
    gained = sum(ratio * likelihood(ratio) for ratio in below) / sum(below) / likelihood(margin)
    assert after(margin, (2, 50, 6, 50)).log_within == pytest.approx(math.log(gained))


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("canary", "stable"), [(1, 19), (5, 5), (7, 2)])
def test_an_e_value_has_a_mean_of_at_most_one_at_the_margin(
    margin: float, rate: float, canary: int, stable: int
) -> None:
    harm = within = 0.0
    for probability, (mine, theirs) in binomials((canary, margin * rate), (stable, rate)):
        evidence = after(margin, (mine, canary, theirs, stable))
        harm += probability * math.exp(evidence.log_harm)
        within += probability * math.exp(evidence.log_within)
    assert harm <= 1 + 1e-12
    assert within <= 1 + 1e-12
    # What the safe side costs is of the order of the rate.
    assert harm > 1 - 3 * margin * rate


@pytest.mark.parametrize("rate", RATES)
def test_two_looks_of_different_shares_and_rates_keep_it(rate: float) -> None:
    mean = 0.0
    trials = (2, 1.5 * rate), (4, rate), (3, min(0.99, 0.9 * rate)), (3, 0.6 * rate)
    for probability, (a, b, c, d) in binomials(*trials):
        mean += probability * math.exp(after(1.5, (a, 2, b, 4), (c, 3, d, 3)).log_harm)
    assert mean <= 1 + 1e-12


@pytest.mark.parametrize("rate", RATES)
def test_its_mean_falls_below_one_inside_and_rises_above_outside(rate: float) -> None:
    def mean(ratio: float) -> float:
        return sum(
            probability * math.exp(after(1.5, (mine, 6, theirs, 6)).log_harm)
            for probability, (mine, theirs) in binomials((6, ratio * rate), (6, rate))
        )

    values = [mean(ratio) for ratio in (0.5, 1.0, 1.4)]
    assert values == sorted(values)
    assert values[-1] < 1
    assert rate > 0.02 or mean(4.0) > 1


@pytest.mark.parametrize("events", [1, 3, 8])
@pytest.mark.parametrize("margin", [1.0, 2.0])
def test_a_shock_that_both_sides_share_keeps_it(events: int, margin: float) -> None:
    """Certain events, wherever the assignment puts them; of stable's only one in ``margin`` shows."""
    canary, stable = 4, 12
    mean = 0.0
    for first, mine in hypergeometric(events, canary + stable, canary):
        for second, (theirs,) in binomials((events - mine, 1 / margin)):
            evidence = after(margin, (mine, canary, theirs, stable))
            mean += first * second * math.exp(evidence.log_harm)
    assert mean <= 1 + 1e-12


def test_one_look_in_parts_of_the_same_share_is_the_same_vector() -> None:
    whole = after(1.5, (6, 40, 3, 160))
    parts = after(1.5, (1, 10, 0, 40), (5, 10, 1, 40), (0, 20, 2, 80))
    assert parts.likelihood == pytest.approx(whole.likelihood, abs=1e-12)
    assert parts.log_within == pytest.approx(whole.log_within)


def test_the_order_of_looks_does_not_matter_to_the_vector() -> None:
    looks = [(2, 10, 1, 90), (0, 50, 3, 50), (4, 20, 0, 80)]
    there, back = after(2.0, *looks), after(2.0, *reversed(looks))
    assert there.likelihood == pytest.approx(back.likelihood, abs=1e-12)


def test_counts_of_different_shares_are_not_added() -> None:
    """Errors fell while the weight rose: pooled, an equal canary looks far better (Simpson)."""
    early, late = (5, 10, 45, 90), (1, 90, 0, 10)
    honest = after(1.5, early, late).interval(0.05)
    pooled = after(1.5, (6, 100, 45, 100)).interval(0.05)
    assert honest is not None
    assert honest[0] < 1 < honest[1]
    assert pooled is not None
    assert pooled[1] < 1


@pytest.mark.parametrize("look", [(3, 3, 0, 0), (0, 0, 5, 9), (0, 50, 0, 50)])
def test_a_look_with_one_side_or_without_events_adds_nothing(
    look: tuple[int, int, int, int],
) -> None:
    assert not after(1.5, look).likelihood.any()
    assert after(1.5, look).estimate is None
    assert after(1.5, look).interval(0.05) is None


@given(st.integers(0, 19), st.integers(0, 200))
def test_one_more_event_of_the_canary_is_worse(canary: int, stable: int) -> None:
    less, more = (after(1.5, (events, 20, stable, 200)) for events in (canary, canary + 1))
    assert more.log_harm >= less.log_harm - 1e-12
    assert more.log_within <= less.log_within + 1e-12


def test_the_interval_holds_the_estimate_and_narrows() -> None:
    few, many = after(1.5, (4, 100, 10, 1000)), after(1.5, (40, 1000, 100, 10000))
    assert few.estimate == pytest.approx(4, rel=0.05)
    assert many.estimate == pytest.approx(4, rel=0.01)
    narrow, wide = many.interval(0.05), few.interval(0.05)
    assert narrow is not None
    assert wide is not None
    assert wide[0] < narrow[0] < 4 < narrow[1] < wide[1]


def test_the_interval_ends_at_the_nearest_ratios_that_are_rejected() -> None:
    evidence = after(1.5, (9, 100, 20, 1000))
    likelihood = evidence.likelihood[:-1]
    interval = evidence.interval(0.05)
    assert interval is not None
    rejected = np.exp(likelihood - likelihood.max()).mean() >= 20 * np.exp(
        likelihood - likelihood.max()
    )
    best = int(likelihood.argmax())
    below, above = np.flatnonzero(rejected[:best])[-1], best + np.flatnonzero(rejected[best:])[0]
    assert interval[0] == pytest.approx(GRID[below])
    assert interval[1] == pytest.approx(GRID[above])


def test_a_side_that_nothing_rejects_is_open() -> None:
    assert after(1.5, (0, 500, 30, 500)).estimate == 0.0
    assert after(1.5, (30, 500, 0, 500)).estimate == LARGEST
    below, above = (
        after(1.5, look).interval(0.05) for look in ((0, 500, 30, 500), (30, 500, 0, 500))
    )
    assert below is not None
    assert below[0] == 0.0
    assert below[1] < 0.5
    assert above is not None
    assert above[0] > 2
    assert above[1] == LARGEST


@pytest.mark.parametrize("rate", [0.05, 0.4])
@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0])
def test_the_interval_misses_the_true_ratio_at_most_alpha_of_the_time(
    rate: float, ratio: float
) -> None:
    alpha, missed = 0.2, 0.0
    for probability, (mine, theirs) in binomials((12, ratio * rate), (24, rate)):
        interval = after(1.5, (mine, 12, theirs, 24)).interval(alpha)
        if interval is not None and not interval[0] <= ratio <= interval[1]:
            missed += probability
    assert missed <= alpha


def test_every_margin_that_a_manifest_may_have_lies_on_the_grid() -> None:
    for margin in (1.0001, float(GRID[70]), 100.0):
        evidence = after(margin, (50, 60, 1, 60))
        assert evidence.likelihood.shape == (ATOMS + 1,)
        assert math.isfinite(evidence.log_harm + evidence.log_within)
    with pytest.raises(ValueError, match="margin: 300"):
        after(300.0, (1, 2, 0, 2))


def test_evidence_of_a_million_events_stays_finite() -> None:
    evidence = after(1.5, (1_000_000, 2_000_000, 100, 2_000_000))
    assert evidence.log_harm > 1e5
    assert math.isfinite(evidence.log_within)

import math

import numpy as np
import pytest
from scipy.stats import binom

from tests.unit.rollout.evidence.enumeration import binomials
from trellis.rollout.evidence.proportions import AboveEvidence, ArmsEvidence, share_interval
from trellis.rollout.looks import Count


def played(rates: dict[str, float], looks: int, units: int, seed: int) -> ArmsEvidence:
    random = np.random.default_rng(seed)
    evidence = ArmsEvidence.start(tuple(rates))
    for _ in range(looks):
        look = {arm: Count(int(random.binomial(units, p)), units) for arm, p in rates.items()}
        evidence = evidence.add(look)
    return evidence


@pytest.mark.parametrize("total", [1, 10, 60])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.5])
def test_an_interval_misses_its_share_at_most_alpha_of_the_time(total: int, share: float) -> None:
    missed = 0.0
    for events in range(total + 1):
        lower, upper = share_interval(events, total, 0.1)
        if not lower <= share <= upper:
            missed += float(binom.pmf(events, total, share))
    assert missed <= 0.1


@pytest.mark.parametrize(("events", "total"), [(0.001, 7.0), (6.9999, 7.0), (1e6, 1e6 + 1)])
def test_counts_that_are_no_whole_numbers_have_an_interval(events: float, total: float) -> None:
    lower, upper = share_interval(events, total, 1e-9)
    assert 0 <= lower < events / total < upper <= 1


def test_intervals_of_nothing_none_and_all() -> None:
    assert share_interval(0, 0, 0.05) == (0.0, 1.0)
    lower, upper = share_interval(0, 100, 0.05)
    assert lower == 0.0
    assert 0.03 < upper < 0.08
    again = share_interval(100, 100, 0.05)
    assert again == pytest.approx((1 - upper, 1.0))


@pytest.mark.parametrize("shares", [(0.3, 0.3), (0.2, 0.5), (0.05, 0.05)])
def test_no_arm_is_above_one_that_is_as_good(shares: tuple[float, float]) -> None:
    """The mean over all outcomes of three looks, the second of another size, is at most 1."""
    high, low = shares
    mean = 0.0
    trials = (2, high), (2, low), (1, high), (4, low), (3, high), (2, low)
    for probability, (a, b, c, d, e, f) in binomials(*trials):
        evidence = AboveEvidence().add(Count(a, 2), Count(b, 2))
        evidence = evidence.add(Count(c, 1), Count(d, 4)).add(Count(e, 3), Count(f, 2))
        mean += probability * math.exp(evidence.log_e)
    assert mean <= 1 + 1e-12


def test_rates_that_change_together_show_nothing() -> None:
    evidence = AboveEvidence()
    for rate in (0.1, 0.6, 0.2, 0.9) * 5:
        evidence = evidence.add(Count(100 * rate, 100), Count(300 * rate, 300))
    assert evidence.log_e <= 0


def test_the_best_of_three_is_found_and_only_it() -> None:
    evidence = played({"a": 0.10, "b": 0.16, "c": 0.11}, looks=60, units=100, seed=3)
    assert evidence.best(0.05) == "b"
    assert evidence.log_best("a") < 0


def test_arms_that_are_equal_have_no_best() -> None:
    assert played({"a": 0.2, "b": 0.2, "c": 0.2}, looks=60, units=100, seed=4).best(0.05) is None


def test_a_look_without_one_arm_says_nothing_of_it() -> None:
    evidence = played({"a": 0.1, "b": 0.4}, looks=5, units=50, seed=5)
    assert evidence.add({"a": Count(1, 30)}).log_best("b") == evidence.log_best("b")


def test_state_goes_round() -> None:
    evidence = played({"a": 0.1, "b": 0.4}, looks=5, units=50, seed=6)
    assert ArmsEvidence.from_state(evidence.to_state(), ("a", "b")) == evidence
    with pytest.raises(ValueError, match="arms"):
        ArmsEvidence.from_state(evidence.to_state(), ("a", "c"))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="two or more"):
        ArmsEvidence.start(["a", "a"])
    with pytest.raises(ValueError, match="take no part"):
        ArmsEvidence.start("ab").add({"z": Count(1, 2)})
    with pytest.raises(ValueError, match=r"above\.events"):
        AboveEvidence().add(Count(3, 2), Count(0, 1))

import math
from itertools import product

import pytest
from scipy.special import betaln

from tests.unit.rollout.evidence.enumeration import binomials
from trellis.rollout.evidence.split import CONCENTRATION, SplitEvidence

EVEN = {"a": 1.0, "b": 1.0}


def test_two_arms_are_the_beta_binomial() -> None:
    evidence = SplitEvidence().add({"a": 30, "b": 12}, {"a": 3, "b": 1})
    x, y = 0.75 * CONCENTRATION, 0.25 * CONCENTRATION
    closed = betaln(x + 30, y + 12) - betaln(x, y) - 30 * math.log(0.75) - 12 * math.log(0.25)
    assert evidence.log_e == pytest.approx(closed)


def test_its_mean_is_one_while_the_shares_are_as_meant_and_change() -> None:
    mean = 0.0
    for probability, (first, second) in binomials((6, 0.5), (7, 0.9)):
        evidence = SplitEvidence().add({"a": first, "b": 6 - first}, EVEN)
        evidence = evidence.add({"a": second, "b": 7 - second}, {"a": 9, "b": 1})
        mean += probability * math.exp(evidence.log_e)
    assert mean == pytest.approx(1.0, rel=1e-9)


def test_three_arms_have_the_mean_one_as_well() -> None:
    shares = {"a": 0.5, "b": 0.3, "c": 0.2}
    mean = 0.0
    for drawn in product("abc", repeat=6):
        counts = {arm: drawn.count(arm) for arm in shares}
        probability = math.prod(shares[arm] for arm in drawn)
        mean += probability * math.exp(SplitEvidence().add(counts, shares).log_e)
    assert mean == pytest.approx(1.0, rel=1e-9)


def test_a_look_in_parts_is_the_same() -> None:
    whole = SplitEvidence().add({"a": 50, "b": 61}, EVEN)
    parts = SplitEvidence().add({"a": 20, "b": 61}, EVEN).add({"a": 30}, {"a": 2, "b": 2})
    assert parts.log_e == pytest.approx(whole.log_e)


def test_one_arm_that_loses_a_tenth_is_found() -> None:
    assert not SplitEvidence().add({"a": 5000, "b": 5060}, EVEN).mismatch(0.001)
    assert SplitEvidence().add({"a": 5000, "b": 4500}, EVEN).mismatch(0.001)


def test_a_mismatch_of_earlier_shares_is_not_forgotten() -> None:
    evidence = SplitEvidence().add({"a": 5000, "b": 4500}, EVEN).add({"a": 9}, {"a": 1, "b": 0})
    assert evidence.mismatch(0.001)


def test_state_goes_round() -> None:
    evidence = SplitEvidence().add({"a": 3, "b": 4}, EVEN).add({"a": 3}, {"a": 3, "b": 1})
    assert SplitEvidence.from_state(evidence.to_state()) == evidence


@pytest.mark.parametrize(
    ("counts", "shares", "what"),
    [
        ({"c": 1}, EVEN, "counts.c"),
        ({"b": 1}, {"a": 1.0, "b": 0.0}, "counts.b"),
        ({"a": -1}, EVEN, "counts.a"),
        ({"a": 1}, {"a": 0.0}, "shares"),
        ({"a": 1}, {"a": math.nan}, "shares"),
    ],
    ids=["unknown arm", "arm without a share", "negative", "no share", "no number"],
)
def test_what_cannot_be_is_refused(
    counts: dict[str, int], shares: dict[str, float], what: str
) -> None:
    with pytest.raises(ValueError, match=what):
        SplitEvidence().add(counts, shares)

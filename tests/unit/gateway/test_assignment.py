import math
from hashlib import blake2b

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trellis.contracts.intervals import Intervals, reweight
from trellis.gateway.assignment import UnitLine

UNITS = [f"unit {number}".encode() for number in range(20_000)]


def line_of(arms: dict[str, Intervals], salt: str = "salt") -> UnitLine:
    return UnitLine(salt, list(arms.values()))


def test_a_point_is_the_first_8_bytes_of_the_keyed_hash() -> None:
    line = UnitLine("an experiment", [((0.0, 1.0),)])
    digest = blake2b(b"somebody", key=b"an experiment").digest()
    assert line.point(b"somebody") == int.from_bytes(digest[:8], "big") / 2**64


@pytest.mark.parametrize(
    ("point", "arm"),
    [(0.0, 0), (0.1999, 0), (0.2, 1), (0.5, 2), (0.6999, 2), (0.7, 0), (math.nextafter(1, 0), 0)],
)
def test_the_arm_whose_interval_holds_the_point_answers(point: float, arm: int) -> None:
    line = UnitLine("s", [((0.0, 0.2), (0.7, 1.0)), ((0.2, 0.5),), ((0.5, 0.7),)])
    assert line.at(point) == arm


def test_a_point_rounded_up_to_one_belongs_to_the_last_interval() -> None:
    assert UnitLine("s", [((0.0, 0.5),), ((0.5, 1.0),)]).at(1.0) == 1


def test_an_arm_without_intervals_gets_nobody() -> None:
    line = UnitLine("s", [((0.0, 1.0),), ()])
    assert {line.arm_of(unit) for unit in UNITS[:500]} == {0}


def test_another_salt_is_another_shuffle() -> None:
    half: dict[str, Intervals] = {"a": ((0.0, 0.5),), "b": ((0.5, 1.0),)}
    one, other = line_of(half, "one"), line_of(half, "other")
    moved = sum(one.arm_of(unit) != other.arm_of(unit) for unit in UNITS)
    assert 0.45 < moved / len(UNITS) < 0.55


weights = st.integers(2, 5).flatmap(
    lambda arms: st.lists(st.integers(1, 100), min_size=arms, max_size=arms)
)


@given(weights)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_shares_are_the_weights_within_sampling_error(given_weights: list[int]) -> None:
    names = [f"arm{place}" for place in range(len(given_weights))]
    arms = reweight({}, dict(zip(names, map(float, given_weights), strict=True)))
    line = line_of(arms)
    counts = [0] * len(names)
    for unit in UNITS:
        counts[line.arm_of(unit)] += 1
    for count, weight in zip(counts, given_weights, strict=True):
        share = weight / sum(given_weights)
        # Six standard errors: at most 2e-9 an arm by chance, and the examples are fixed.
        assert abs(count / len(UNITS) - share) <= 6 * math.sqrt(share * (1 - share) / len(UNITS))


@pytest.mark.parametrize("arms", [2, 3, 5])
@given(data=st.data())
@settings(max_examples=25, deadline=None, derandomize=True)
def test_a_change_of_weights_moves_only_the_units_it_must(arms: int, data: st.DataObject) -> None:
    names = [f"arm{place}" for place in range(arms)]
    some = st.lists(st.integers(1, 100), min_size=arms, max_size=arms)
    old_weights, new_weights = data.draw(some), data.draw(some)
    old = reweight({}, dict(zip(names, map(float, old_weights), strict=True)))
    new = reweight(old, dict(zip(names, map(float, new_weights), strict=True)))
    before, after = line_of(old), line_of(new)
    moved = sum(before.arm_of(unit) != after.arm_of(unit) for unit in UNITS)
    least = sum(
        max(0.0, now / sum(new_weights) - then / sum(old_weights))
        for now, then in zip(new_weights, old_weights, strict=True)
    )
    error = 6 * math.sqrt(least * (1 - least) / len(UNITS)) + 1e-9
    assert abs(moved / len(UNITS) - least) <= error
    grown = {
        place
        for place in range(arms)
        if new_weights[place] / sum(new_weights) > old_weights[place] / sum(old_weights)
    }
    for unit in UNITS[:2000]:
        if before.arm_of(unit) != after.arm_of(unit):
            assert after.arm_of(unit) in grown

"""Intervals by their promise: always a partition, exact weights, the smallest movement."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.contracts.intervals import Intervals, check_partition, length, merged, reweight

EXACT = 1e-9

weight_lists = st.sampled_from([2, 3, 5]).flatmap(
    lambda count: st.lists(
        st.lists(st.floats(0, 100), min_size=count, max_size=count).filter(
            lambda weights: sum(weights) > 1e-3
        ),
        min_size=2,
        max_size=6,
    )
)


def named(weights: list[float]) -> dict[str, float]:
    return {f"arm-{place}": weight for place, weight in enumerate(weights)}


def owner(table: dict[str, Intervals], point: float) -> str:
    (found,) = (arm for arm, own in table.items() for start, end in own if start <= point < end)
    return found


def moved(before: dict[str, Intervals], after: dict[str, Intervals]) -> float:
    """Length of the points whose owner is another one than before."""
    edges = {
        edge for table in (before, after) for own in table.values() for pair in own for edge in pair
    }
    line = sorted(edges)
    return sum(
        end - start for start, end in pairwise(line) if owner(before, start) != owner(after, start)
    )


@given(weight_lists)
def test_every_change_keeps_a_partition_with_exact_weights(history: list[list[float]]) -> None:
    table: dict[str, Intervals] = {}
    for weights in history:
        table = reweight(table, named(weights))
        check_partition(table)
        for arm, weight in named(weights).items():
            assert abs(length(table[arm]) - weight / sum(weights)) < EXACT


@given(weight_lists)
def test_every_change_moves_the_least_that_it_can(history: list[list[float]]) -> None:
    """No layout can move less than what the shrinking arms lose."""
    table = reweight({}, named(history[0]))
    for weights in history[1:]:
        changed = reweight(table, named(weights))
        lost = sum(max(0.0, length(table[arm]) - length(changed[arm])) for arm in table)
        assert moved(table, changed) == pytest.approx(lost, abs=EXACT)
        table = changed


@given(weight_lists)
def test_the_same_weights_move_nothing(history: list[list[float]]) -> None:
    table = reweight({}, named(history[0]))
    assert reweight(table, {arm: length(own) for arm, own in table.items()}) == table


def test_a_first_layout_is_side_by_side() -> None:
    assert reweight({}, {"a": 1, "b": 3}) == {"a": ((0.0, 0.25),), "b": ((0.25, 1.0),)}


def test_an_arm_that_leaves_gives_up_all_it_owns() -> None:
    before = reweight({}, {"a": 1, "b": 1, "c": 2})
    after = reweight(before, {"a": 1, "c": 1})
    assert set(after) == {"a", "c"}
    assert moved(before | {"b": before["b"]}, after | {"b": ()}) == pytest.approx(0.25)


def test_an_arm_that_joins_takes_only_what_it_is_given() -> None:
    before = reweight({}, {"stable": 1})
    after = reweight(before, {"stable": 80, "canary": 20})
    assert length(after["canary"]) == pytest.approx(0.2, abs=EXACT)
    ((start, end),) = after["stable"]
    assert (start, end) == pytest.approx((0.0, 0.8))


def test_a_canary_that_comes_and_goes_leaves_the_line_as_it_was() -> None:
    before = reweight({}, {"stable": 1})
    during = reweight(before, {"stable": 0.9, "canary": 0.1})
    assert reweight(during, {"stable": 1}) == before


@pytest.mark.parametrize(
    "weights",
    [{"a": -1, "b": 2}, {"a": 0, "b": 0}, {}, {"a": float("nan")}],
    ids=["negative", "nothing", "nobody", "not a number"],
)
def test_bad_weights_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="weights must not be negative"):
        reweight({}, weights)


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        ({"a": ((0.0, 0.5),)}, "end at 0.5"),
        ({"a": ((0.1, 1.0),)}, "leave a gap at 0.0"),
        ({"a": ((0.0, 0.6),), "b": ((0.5, 1.0),)}, "overlap at 0.5"),
        ({"a": ((0.0, 0.0), (0.0, 1.0))}, "empty or reversed"),
        ({"a": ((1.0, 0.0),)}, "empty or reversed"),
        ({}, "end at 0.0"),
    ],
    ids=["short", "gap", "overlap", "empty", "reversed", "nothing"],
)
def test_what_is_no_partition_is_refused(arms: dict[str, Intervals], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_partition(arms)


def test_neighbours_are_joined() -> None:
    assert merged([(0.5, 0.75), (0.0, 0.25), (0.25, 0.5), (0.9, 0.9)]) == ((0.0, 0.75),)

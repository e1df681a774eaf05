import math
from itertools import product

import pytest

from trellis.rollout.evidence.renewal import FIRST, Renewal

UP, DOWN = math.log(1.9), math.log(0.1)  # a fair game: the mean factor is 1


def played(moves: tuple[float, ...]) -> tuple[Renewal, float]:
    renewal, present = Renewal(), 0.0
    for move in moves:
        present += move
        if renewal.due(present):
            renewal, present = renewal.renewed(present), 0.0
    return renewal, renewal.log_value(present)


def test_it_begins_with_one() -> None:
    assert Renewal().log_value(0.0) == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("length", [1, 4, 9])
def test_a_fair_game_stays_fair_over_all_starts(length: int) -> None:
    ends = [played(moves) for moves in product((UP, DOWN), repeat=length)]
    mean = math.fsum(math.exp(value) for _, value in ends) / 2**length
    assert mean == pytest.approx(1.0, rel=1e-12)
    assert max(renewal.number for renewal, _ in ends) == length // 2


def test_harm_from_the_start_costs_a_fifth() -> None:
    assert Renewal().log_value(50.0) == pytest.approx(50 + math.log(FIRST))


def test_late_harm_does_not_climb_out_of_the_past() -> None:
    good, bad = (DOWN,) * 40, (UP,) * 20
    assert sum(good + bad) < -75
    assert played(good + bad)[1] > math.log(100)


def test_state_goes_round() -> None:
    renewal = Renewal(3, 0.25)
    assert Renewal.from_state([renewal.number, renewal.spent]) == renewal

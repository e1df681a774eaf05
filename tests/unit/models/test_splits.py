import numpy as np
import pytest

from models.splits import stratified


def test_every_row_is_on_one_side() -> None:
    learn, judge = stratified([0] * 30 + [1] * 70, 0.2, seed=1)
    assert sorted([*learn, *judge]) == list(range(100))


def test_the_same_share_of_every_label_is_held_out() -> None:
    truth = np.array([0] * 30 + [1] * 70)
    _, judge = stratified(truth, 0.2, seed=1)
    assert np.bincount(truth[judge]).tolist() == [6, 14]


def test_the_seed_decides() -> None:
    truth = [0, 1] * 50
    first, again, other = (stratified(truth, 0.2, seed=seed)[1].tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_both_sides_have_every_label(share: float) -> None:
    truth = np.array([0, 0, 1, 1, 1])
    for side in stratified(truth, share, seed=0):
        assert set(truth[side]) == {0, 1}


def test_a_lone_row_is_learned_from() -> None:
    learn, judge = stratified([0, 1, 1], 0.5, seed=0)
    assert 0 in learn
    assert 0 not in judge

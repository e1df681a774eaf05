"""Wilson's interval by its definition and by its promise."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.gateway.events.wilson import Z95, wilson95


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_its_ends_are_where_the_score_test_is_just_not_refused(pair: tuple[int, int]) -> None:
    successes, trials = pair
    low, high = wilson95(successes, trials)
    rate = successes / trials
    assert 0 <= low <= rate <= high <= 1
    for end in {low, high} - {0.0, 1.0}:
        assert abs(rate - end) / math.sqrt(end * (1 - end) / trials) == pytest.approx(Z95, rel=1e-6)


def test_it_covers_the_true_rate_about_95_times_in_100() -> None:
    """Exact: the binomial probability of all counts whose interval holds the rate."""
    for rate in (0.05, 0.2, 0.5):
        trials = 200
        held = sum(
            math.comb(trials, k) * rate**k * (1 - rate) ** (trials - k)
            for k in range(trials + 1)
            if wilson95(k, trials)[0] <= rate <= wilson95(k, trials)[1]
        )
        assert 0.93 < held < 0.98


def test_more_trials_make_it_narrower() -> None:
    widths = [high - low for low, high in (wilson95(n // 10, n) for n in (10, 100, 1000))]
    assert all(before > after for before, after in pairwise(widths))

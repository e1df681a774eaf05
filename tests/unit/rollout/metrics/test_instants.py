from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.rollout.metrics.instants import common_instant, still_scraped


def scrapes(phase: float, until: float, interval: float = 15.0) -> list[float]:
    """The moments of a pod that is scraped each interval, up to ``until``."""
    times = [phase + interval * n for n in range(10)]
    return [time for time in times if time <= until]


def last(times: Sequence[float], instant: float) -> float:
    return max(time for time in times if time <= instant)


@pytest.mark.parametrize(
    ("canary", "stable", "instant"),
    [
        pytest.param([0.0, 15.0, 30.0], [1.0, 16.0], 16.0, id="stable follows the canary"),
        pytest.param([0.0, 15.0, 30.0], [14.0, 29.0], 30.0, id="the canary follows stable"),
        pytest.param([0.0, 15.0, 30.0], [0.0, 15.0, 30.0], 30.0, id="both at once"),
        pytest.param([], [14.0, 29.0], 29.0, id="one of them was never scraped"),
        pytest.param([30.0], [0.0, 14.0, 29.0], 30.0, id="one of them is new"),
        pytest.param([31.0], [0.0, 30.0], 31.0, id="one of them is new, and the newest"),
        pytest.param([0.0, 60.0], [50.0, 53.0, 56.0, 59.0], 60.0, id="two intervals"),
    ],
)
def test_the_instant_follows_the_samples_that_lie_nearest(
    canary: list[float], stable: list[float], instant: float
) -> None:
    assert common_instant({"v2": [canary], "v1": [stable]}) == instant


def test_without_a_sample_there_is_none() -> None:
    assert common_instant({}) is None
    assert common_instant({"v2": [[]]}) is None


@given(st.floats(0, 14.99), st.floats(0, 14.99), st.floats(45, 140))
def test_two_pods_are_half_an_interval_apart_at_most(one: float, two: float, now: float) -> None:
    a, b = scrapes(one, now), scrapes(two, now)
    instant = common_instant({"v2": [a], "v1": [b]})
    assert instant is not None
    assert abs(last(a, instant) - last(b, instant)) <= 7.5 + 1e-6
    assert instant > now - 30


@given(
    st.lists(st.floats(0, 14.99), min_size=2, max_size=5),
    st.lists(st.floats(45, 140), min_size=2, max_size=10),
)
def test_it_never_falls_back_while_the_pods_stay(phases: list[float], moments: list[float]) -> None:
    instants = [
        common_instant({f"v{n % 2}": [scrapes(p, now) for p in phases[n % 2 :: 2]] for n in (0, 1)})
        for now in sorted(moments)
    ]
    assert instants == sorted(instant for instant in instants if instant is not None)


def test_a_shock_that_both_share_is_seen_of_both_unless_it_falls_between_the_two_samples() -> None:
    """One second in fifteen here; with the newest samples it would be fourteen."""
    split = 0
    for tenth, now in product(range(450, 600), range(45, 90)):
        shock = tenth / 10
        a, b = scrapes(2.0, now), scrapes(1.0, now)
        instant = common_instant({"v2": [a], "v1": [b]})
        assert instant is not None
        seen = last(a, instant) >= shock, last(b, instant) >= shock
        if seen[0] != seen[1]:
            assert shock % 15 == pytest.approx(1.5, abs=0.55)
            split += 1
    assert split > 0


@pytest.mark.parametrize(
    ("sampled", "followed"),
    [
        pytest.param({"a": [0.0, 15.0, 30.0], "b": [10.0, 25.0]}, {"a", "b"}, id="both"),
        pytest.param({"a": [0.0, 15.0, 30.0, 45.0], "b": [0.0, 15.0]}, {"a", "b"}, id="two missed"),
        pytest.param({"a": [0.0, 15.0, 30.0, 45.0], "b": [0.0, 14.0]}, {"a"}, id="silent"),
        pytest.param({"a": [0.0, 15.0, 30.0, 45.0], "b": [14.0]}, {"a"}, id="silent after one"),
        pytest.param({"a": [float(n) for n in range(40)], "b": [0.0]}, {"a"}, id="of many"),
        pytest.param(
            {"a": [15.0 * n for n in range(9)], "b": [0.0, 60.0]}, {"a", "b"}, id="its own interval"
        ),
        pytest.param(
            {"a": [0.0, 15.0, 30.0, 45.0], "b": [19.0, 20.0]}, {"a", "b"}, id="another phase"
        ),
        pytest.param({"a": [0.0], "b": [14.0]}, {"a", "b"}, id="no interval is known"),
        pytest.param({"a": [], "b": [14.0]}, {"b"}, id="never scraped"),
        pytest.param({}, set(), id="none"),
    ],
)
def test_a_pod_is_followed_while_it_is_scraped(
    sampled: dict[str, list[float]], followed: set[str]
) -> None:
    assert still_scraped(sampled) == followed

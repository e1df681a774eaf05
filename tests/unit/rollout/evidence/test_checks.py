import math

import pytest

from trellis.rollout.evidence.checks import check_count, check_moments
from trellis.rollout.looks import Count, Moments


@pytest.mark.parametrize("count", [Count(0, 0), Count(3, 3), Count(0.1 + 0.2, 0.3)])
def test_counts_that_can_be_pass(count: Count) -> None:
    check_count("canary.counts.errors", count, within_total=True)


@pytest.mark.parametrize(
    ("count", "field"),
    [
        (Count(-1, 2), "events"),
        (Count(1, -2), "total"),
        (Count(math.nan, 2), "events"),
        (Count(1, math.inf), "total"),
        (Count(3, 2), "events"),
    ],
)
def test_counts_that_cannot_be_are_named(count: Count, field: str) -> None:
    with pytest.raises(ValueError, match=rf"canary\.counts\.errors\.{field}"):
        check_count("canary.counts.errors", count, within_total=True)


def test_events_in_seconds_may_outnumber_them() -> None:
    check_count("canary.counts.restarts", Count(3, 1.5), within_total=False)


@pytest.mark.parametrize("moments", [Moments(0, 0, 0), Moments(2, 3, 5), Moments(3, 0.3, 0.03)])
def test_moments_that_can_be_pass(moments: Moments) -> None:
    check_moments("stable.moments.meanLatency", moments, signed=False)


@pytest.mark.parametrize(
    ("moments", "field"),
    [
        (Moments(-1, 0, 0), "number"),
        (Moments(2, -3, 5), "total"),
        (Moments(2, 3, math.nan), "squares"),
        (Moments(2, 3, 4), "squares"),
        (Moments(0, 1, 1), "squares"),
    ],
)
def test_moments_that_cannot_be_are_named(moments: Moments, field: str) -> None:
    with pytest.raises(ValueError, match=rf"stable\.moments\.meanLatency\.{field}"):
        check_moments("stable.moments.meanLatency", moments, signed=False)


def test_scores_may_be_negative() -> None:
    check_moments("stable.moments.scores", Moments(2, -3, 5), signed=True)

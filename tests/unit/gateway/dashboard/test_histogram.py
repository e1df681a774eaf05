import math

import pytest

from trellis.gateway.dashboard.histogram import quantile, shares

BUCKETS = {0.1: 10.0, 0.2: 30.0, 0.4: 40.0, math.inf: 40.0}


@pytest.mark.parametrize(
    ("share", "value"),
    [(0.25, 0.1), (0.5, 0.15), (0.75, 0.2), (0.875, 0.3), (1.0, 0.4)],
)
def test_a_quantile_is_linear_within_its_bucket(share: float, value: float) -> None:
    assert quantile(share, BUCKETS) == pytest.approx(value)


def test_what_lies_beyond_the_last_edge_is_told_as_that_edge() -> None:
    assert quantile(0.99, {0.1: 1.0, math.inf: 100.0}) == 0.1


@pytest.mark.parametrize("buckets", [{}, {0.1: 0.0, math.inf: 0.0}], ids=["none", "empty"])
def test_without_observations_there_is_nothing_to_tell(buckets: dict[float, float]) -> None:
    assert quantile(0.5, buckets) is None
    assert shares((0.0, 1.0), buckets) is None


def test_shares_lie_between_edges_and_sum_to_one() -> None:
    found = shares((0.0, 0.1, 0.2, 0.4), BUCKETS)
    assert found == pytest.approx((0.25, 0.5, 0.25))

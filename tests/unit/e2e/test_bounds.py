"""The bounds hold what they promise, against exact sums of fractions."""

from fractions import Fraction
from math import comb

import pytest

from tests.e2e.support.bounds import binomial_bounds


def _at_most(count: int, hits: int, share: Fraction) -> Fraction:
    return sum(
        (comb(count, n) * share**n * (1 - share) ** (count - n) for n in range(hits + 1)),
        Fraction(0),
    )


@pytest.mark.parametrize("share", [Fraction(1, 10), Fraction(1, 2), Fraction(99, 100)])
@pytest.mark.parametrize("count", [20, 200])
@pytest.mark.parametrize("error", [1e-2, 1e-6])
def test_as_narrow_as_the_error_allows(count: int, share: Fraction, error: float) -> None:
    least, most = binomial_bounds(count, float(share), error)
    below = _at_most(count, least - 1, share)
    above = 1 - _at_most(count, most, share)
    assert below <= error / 2 < _at_most(count, least, share)
    assert above <= error / 2 < 1 - _at_most(count, most - 1, share)


@pytest.mark.parametrize(("share", "only"), [(0.0, 0), (1.0, 300)])
def test_a_sure_share_allows_one_count(share: float, only: int) -> None:
    assert binomial_bounds(300, share, 1e-6) == (only, only)

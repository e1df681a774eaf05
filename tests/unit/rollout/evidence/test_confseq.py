"""Against ``confseq`` 0.0.11, the library of Howard and Ramdas.

Its wheels end at Python 3.10, so the numbers stand here. They came of, in an environment of 3.10.13
with confseq 0.0.11 and numpy 2.2.6,

    from confseq.boundaries import (beta_binomial_log_mixture, gamma_exponential_mixture_bound,
                                    normal_log_mixture, normal_mixture_bound)
    normal_log_mixture(s, v, 100.0, 0.05, is_one_sided)
    normal_mixture_bound(v, 0.05, 100.0, 0.05, False)
    beta_binomial_log_mixture(k - n / 2, n / 4, 3.968077300868783, 0.5, 0.5, 0.05, False)
    gamma_exponential_mixture_bound(v, 0.05, 100.0, 1.0, 0.05)

where 3.968077300868783 makes its beta prior at 1/2 that of Jeffreys. Its scales, ``rho``, were read
off ``normal_log_mixture(0, 100, ...)``.
"""

import math

import pytest

from trellis.rollout.evidence.normal import boundary, log_one_sided
from trellis.rollout.evidence.propensity import LowerMean
from trellis.rollout.evidence.proportions import share_interval

ONE_SIDED_SCALE = 15.800634906850531
TWO_SIDED_SCALE = 12.600560979256338


@pytest.mark.parametrize(
    ("total", "variance", "expected"),
    [
        (-20.0, 50.0, -1.965621237212217),
        (0.0, 10.0, -0.24517448860699403),
        (15.0, 30.0, 2.6039006666617097),
        (60.0, 400.0, 3.385437536306326),
        (40.0, 100.0, 6.605561442307296),
    ],
)
def test_the_one_sided_normal_mixture_is_theirs(
    total: float, variance: float, expected: float
) -> None:
    assert log_one_sided(total, variance, ONE_SIDED_SCALE) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("variance", "expected"),
    [(10.0, 12.1907531463415), (100.0, 30.35208990376253), (1000.0, 102.51228683166386)],
)
def test_the_two_sided_boundary_is_theirs(variance: float, expected: float) -> None:
    assert boundary(variance, TWO_SIDED_SCALE, 0.05) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("events", "total", "expected"),
    [
        (3, 10, -0.5823328142196567),
        (30, 40, 3.1546140253641943),
        (0, 8, 3.9174768561106093),
        (250, 400, 9.411400557727818),
    ],
)
def test_a_share_of_a_half_is_rejected_where_their_beta_binomial_says_so(
    events: int, total: int, expected: float
) -> None:
    """The interval ends at 1/2 exactly where the mixture's e-value against 1/2 is 1 / alpha."""
    if expected < 0:
        lower, upper = share_interval(events, total, 0.999)
        assert lower < 0.5 < upper
        return
    alpha = math.exp(-expected)
    lower, upper = share_interval(events, total, alpha)
    end = lower if events > total / 2 else upper
    assert end == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize(
    ("variance", "expected"),
    [(20.0, 16.042839628762522), (100.0, 30.238129620079235), (500.0, 67.94529014592854)],
)
def test_our_bound_of_an_empirical_bernstein_is_near_theirs(
    variance: float, expected: float
) -> None:
    """Ours mixes over a grid, theirs over a gamma prior tuned to a variance of 100."""
    number = 10_000.0
    sequence = LowerMean(number=number, total=number / 2, variation=variance)
    reach = number * (0.5 - sequence.bound(0.05))
    assert expected * 0.95 < reach < expected * 1.3

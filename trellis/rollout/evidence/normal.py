"""Mixtures of normal likelihood ratios over their mean, in closed form.

For a sum ``S`` that has variance ``V`` and mean 0 under the null, and a scale ``rho`` in the units of
``V``, the mixing distribution is normal with variance ``1 / rho`` (or its positive half).
"""

import math

from scipy.special import lambertw, log_ndtr


def log_one_sided(total: float, variance: float, scale: float) -> float:
    """The logarithm of the e-value against "the sum's mean is at most 0".

    ``log(2 sqrt(rho / (V + rho)) exp(S^2 / (2 (V + rho))) Phi(S / sqrt(V + rho)))``: Howard et al.
    2021, 1810.08240, proposition 6 (appendix A.3).
    """
    spread = variance + scale
    standard = total / math.sqrt(spread)
    return (
        math.log(2) + 0.5 * math.log(scale / spread) + 0.5 * standard**2 + float(log_ndtr(standard))
    )


def boundary(variance: float, scale: float, alpha: float) -> float:
    """How far a sum of mean 0 lies from 0 at most, on either side, at all times but ``alpha``.

    ``sqrt((V + rho) log((V + rho) / (rho alpha^2)))``: Howard et al. 2021, eq. (14), two-sided.
    """
    spread = variance + scale
    return math.sqrt(spread * (math.log(spread / scale) - 2 * math.log(alpha)))


def best_scale(variance: float, alpha: float) -> float:
    """The scale whose boundary is narrowest at that variance.

    ``V / (-W(-alpha^2 / e) - 1)`` with the lower branch of Lambert's W: Howard et al. 2021,
    proposition 3, eq. (21).
    """
    return variance / (-float(lambertw(-(alpha**2) / math.e, k=-1).real) - 1)

"""Events in time, against a rate given beforehand: restarts of containers.

A fine version restarts on neither side, and no ratio comes of nothing. What lets it pass is that
its own rate is shown to lie below one that is negligible: with ``k`` events in ``t`` seconds,

    within  sum_(q < rate) pi(q) (q / rate)^k exp((rate - q) t)     against "at least that rate"

a mixture of Poisson likelihood ratios (Howard et al. 2021, 1810.08240, lemma 2, eq. (13), here
over a grid in the place of their gamma distribution).
"""

import math

import numpy as np

from trellis.rollout.evidence.mixtures import Vector, log_mixture, normalised

_ATOMS = 48
_LOG_PARTS: Vector = np.linspace(-math.log(64), 0, _ATOMS + 1)[:-1]
_PARTS: Vector = np.exp(_LOG_PARTS)
_PRIOR: Vector = normalised(np.zeros(_ATOMS))


def log_rate_within(events: float, seconds: float, rate: float) -> float:
    """The logarithm of the e-value against "at least ``rate`` events a second"."""
    return log_mixture(events * _LOG_PARTS + rate * seconds * (1 - _PARTS), _PRIOR)

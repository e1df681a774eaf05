"""Sums of likelihood ratios over a prior, in logarithms."""

import math

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def log_mixture(log_ratios: Vector, log_prior: Vector) -> float:
    """The logarithm of the sum of ``exp(log_prior + log_ratios)``; both of shape [atoms]."""
    terms = log_prior + log_ratios
    top = float(terms.max())
    terms -= top
    return top + math.log(float(np.exp(terms, out=terms).sum()))


def normalised(log_weights: Vector) -> Vector:
    """The logarithms of a prior that sums to 1. Raises ``ValueError`` where there is no atom."""
    if log_weights.size == 0:
        raise ValueError("a prior needs at least one atom")
    return log_weights - log_mixture(log_weights, np.zeros_like(log_weights))


def log_average(first: float, second: float) -> float:
    """The logarithm of the mean of two e-values, which is one whatever binds the two together."""
    return float(np.logaddexp(first, second)) - math.log(2)

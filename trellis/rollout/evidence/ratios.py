"""The ratio of two rates of events, by a likelihood over a grid of ratios.

Of ``n_c`` requests of the canary ``k_c`` were events, of ``n_s`` of stable ``k_s``. With the share
``w = n_c / (n_c + n_s)`` realised in that look, an event is the canary's with probability
``p(theta) = w theta / (w theta + 1 - w)`` where its rate is ``theta`` times stable's, so the look adds

    l(theta) += k_c log p(theta) + k_s log(1 - p(theta))

Everything is read off this one vector: with ``r`` the margin and ``pi`` a prior,

    harm    sum_(theta > r) pi(theta) exp(l(theta) - l(r))     against "the ratio is at most r"
    within  sum_(theta < r) pi(theta) exp(l(theta) - l(r))     against "the ratio is at least r"
    interval  {theta_0: sum pi(theta) exp(l(theta) - l(theta_0)) < 1 / alpha}

Looks, stages and streams are multiplied as e-values, which is adding ``l``: counts of different
shares are never added. (The conditional test of Przyborowski and Wilenski 1940 for two Poisson
counts, made sequential by the method of mixtures: Robbins 1970; Howard et al. 2021, 1810.08240,
lemma 2, eq. (13), here over a grid; for counts of canaries: Lindon and Malek, 2011.03567.)

Why it is an e-value for Bernoulli requests of any rate, changing from look to look: put
``a = log(p(theta) / p(r))`` and ``b = log((1 - p(theta)) / (1 - p(r)))``. Independent requests of
rates ``p_c <= r p_s`` give, for ``theta > r`` (so ``a > 0``),

    E exp(a k_c + b k_s) = (1 + p_c (e^a - 1))^n_c (1 + p_s (e^b - 1))^n_s
                        <= exp(p_s (n_c r (e^a - 1) + n_s (e^b - 1))) = exp(0)

since ``n_c r : n_s = p(r) : 1 - p(r)``. For ``theta < r`` and ``p_c >= r p_s`` likewise, and for the
interval with equality of the rates. So it errs to the safe side, the more the higher the rates.
Where rates change within a look (a shock that both sides share) the same holds over the random
assignment: given the events that would come on either side, the canary's are hypergeometric, which
is below the binomial in convex order (Hoeffding 1963, theorem 4).
"""

import math
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Self

import numpy as np

from trellis.rollout.evidence.mixtures import Vector, log_mixture, normalised
from trellis.rollout.evidence.renewal import Renewal
from trellis.rollout.looks import Count

LARGEST = 256.0
ATOMS = 129

_LOG_GRID: Vector = np.linspace(-math.log(LARGEST), math.log(LARGEST), ATOMS)
GRID: Vector = np.exp(_LOG_GRID)
_UNIFORM: Vector = np.full(ATOMS, -math.log(ATOMS))


@dataclass(frozen=True)
class _Margin:
    """The grid with the margin itself as its last atom, and the priors on either side of it.

    Above: uniform in log(theta), since nobody knows how bad it is. Below: uniform in theta,
    which expects a fine version near 1.
    """

    log_atoms: Vector  # [ATOMS + 1]
    atoms: Vector
    above: slice
    below: slice
    log_prior_above: Vector
    log_prior_below: Vector


@lru_cache(maxsize=256)
def _margin(ratio: float) -> _Margin:
    if not GRID[0] < ratio < GRID[-1]:
        raise ValueError(f"margin: {ratio} lies outside of 1/{LARGEST:g} to {LARGEST:g}")
    log_atoms = np.append(_LOG_GRID, math.log(ratio))
    first_above = int(np.searchsorted(GRID, ratio * (1 + 1e-12), side="right"))
    first_not_below = int(np.searchsorted(GRID, ratio * (1 - 1e-12), side="left"))
    return _Margin(
        log_atoms=log_atoms,
        atoms=np.exp(log_atoms),
        above=slice(first_above, ATOMS),
        below=slice(0, first_not_below),
        log_prior_above=normalised(np.zeros(ATOMS - first_above)),
        log_prior_below=normalised(_LOG_GRID[:first_not_below]),
    )


def _zeros() -> Vector:
    return np.zeros(ATOMS + 1)


@dataclass(frozen=True, eq=False)
class RatioEvidence:
    """The log-likelihood over the grid and the margin, shape [ATOMS + 1], float64.

    ``since`` is the vector at which harm was last begun anew (``Renewal``).
    """

    margin: float
    likelihood: Vector = field(default_factory=_zeros)
    since: Vector = field(default_factory=_zeros)
    renewal: Renewal = field(default_factory=Renewal)

    def add(self, canary: Count, stable: Count) -> Self:
        """One look. Totals are requests, units at risk or seconds, of one constant weight; a look
        with a total of 0 on either side adds nothing.
        """
        if canary.total <= 0 or stable.total <= 0:
            return self
        events = canary.events + stable.events
        if events == 0:
            return self
        margin = _margin(self.margin)
        share = canary.total / (canary.total + stable.total)
        likelihood = np.log(share * margin.atoms + (1 - share))
        likelihood *= -events
        likelihood += canary.events * math.log(share) + stable.events * math.log1p(-share)
        likelihood += self.likelihood
        if canary.events:
            likelihood += canary.events * margin.log_atoms
        added = type(self)(self.margin, likelihood, self.since, self.renewal)
        if not self.renewal.due(added.log_present):
            return added
        renewal = self.renewal.renewed(added.log_present)
        return type(self)(self.margin, likelihood, likelihood, renewal)

    @cached_property
    def log_present(self) -> float:
        """The logarithm of harm's e-value since it was last begun."""
        margin = _margin(self.margin)
        gained = self.likelihood[margin.above] - self.since[margin.above]
        gained -= self.likelihood[-1] - self.since[-1]
        return log_mixture(gained, margin.log_prior_above)

    @property
    def log_harm(self) -> float:
        """The logarithm of the e-value against "the ratio is at most the margin"."""
        return self.renewal.log_value(self.log_present)

    @property
    def log_within(self) -> float:
        """The logarithm of the e-value against "the ratio is at least the margin"."""
        margin = _margin(self.margin)
        gained = self.likelihood[margin.below] - self.likelihood[-1]
        return log_mixture(gained, margin.log_prior_below)

    def interval(self, alpha: float) -> tuple[float, float] | None:
        """The ratios that are not rejected, between the nearest atoms that are.

        A side without any rejected atom is open: it ends at 0, or at ``LARGEST`` for "that or more".
        None while no atom is rejected. It holds the true ratio with ``1 - alpha`` at all times.
        """
        grid = self.likelihood[:-1]
        kept = np.flatnonzero(grid > log_mixture(grid, _UNIFORM) + math.log(alpha))
        first, last = int(kept[0]), int(kept[-1])
        if first == 0 and last == ATOMS - 1:
            return None
        lower = 0.0 if first == 0 else float(GRID[first - 1])
        upper = LARGEST if last == ATOMS - 1 else float(GRID[last + 1])
        return lower, upper

    @property
    def estimate(self) -> float | None:
        """The most likely ratio; 0 and ``LARGEST`` at the grid's ends, None without any event."""
        grid = self.likelihood[:-1]
        best = int(grid.argmax())
        if not self.likelihood.any():
            return None
        if best in {0, ATOMS - 1}:
            return 0.0 if best == 0 else LARGEST
        left, middle, right = (float(grid[best + step]) for step in (-1, 0, 1))
        curvature = left - 2 * middle + right
        offset = 0.5 * (left - right) / curvature if curvature < 0 else 0.0
        return math.exp(float(_LOG_GRID[best]) + offset * float(_LOG_GRID[1] - _LOG_GRID[0]))

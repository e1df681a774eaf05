"""Means of arms whose weights change with the evidence: inverse-propensity confidence sequences.

A unit is given arm ``a`` with a probability ``q(a)`` that only the past decides, and its outcome ``y``
lies between 0 and 1. Then ``x = 1{a} y / q(a)`` is 0 or more and has the mean of arm ``a``, whatever the
weights were; ``1{a} (1 - y) / q(a)`` has 1 less that mean. With a guess ``g`` in [0, 1] that only the past
decides, ``x - g >= -1``, so for every ``l`` in [0, 1) and the true mean ``m``

    prod exp(l (x - m) - psi(l) (x - g)^2),    psi(l) = -log(1 - l) - l

is a supermartingale (Fan, Grama and Liu 2015, lemma 4.1; Howard et al. 2021, 1810.08240, theorem 4): its
mixture over a grid of ``l`` bounds ``m`` from below at all times, and the second variable does from
above. No bound on ``1 / q`` is needed; a floor under the weights is what keeps intervals short (Waudby-Smith,
Wu, Ramdas, Karampatziakis and Mineiro, "Anytime-valid off-policy inference", 2210.10768).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from trellis.rollout.evidence.mixtures import Vector, log_mixture, normalised
from trellis.rollout.evidence.roots import root
from trellis.rollout.looks import Moments

_BETS: Vector = np.exp(np.linspace(math.log(1e-4), math.log(0.9), 40))
_PSI: Vector = -np.log1p(-_BETS) - _BETS
_PRIOR: Vector = normalised(np.zeros(_BETS.size))


@dataclass(frozen=True)
class LowerMean:
    """Variables of 0 or more: their number, sum, and sum of squares about the guesses of the time."""

    number: float = 0.0
    total: float = 0.0
    variation: float = 0.0

    def add(self, number: float, total: float, squares: float) -> Self:
        """A batch, all of it against the guess before it."""
        guess = min(1.0, (self.total + 0.5) / (self.number + 1))
        variation = max(0.0, squares - 2 * guess * total + number * guess**2)
        return type(self)(self.number + number, self.total + total, self.variation + variation)

    def log_above(self, mean: float) -> float:
        """The logarithm of the e-value against "the mean is at most ``mean``"."""
        gained = _BETS * (self.total - self.number * mean) - _PSI * self.variation
        return log_mixture(gained, _PRIOR)

    def to_state(self) -> list[float]:
        """Three numbers."""
        return [self.number, self.total, self.variation]

    @classmethod
    def from_state(cls, state: Sequence[float]) -> Self:
        """Raises ``ValueError`` where these are not three numbers."""
        number, total, variation = state
        return cls(float(number), float(total), float(variation))

    def bound(self, alpha: float) -> float:
        """What the mean, known to lie in [0, 1], is at least, at all times but ``alpha``."""
        needed = -math.log(alpha)

        def over(mean: float) -> float:
            return self.log_above(mean) - needed

        if over(0.0) < 0:
            return 0.0
        return 1.0 if over(1.0) >= 0 else root(over, 0.0, 1.0)


@dataclass(frozen=True)
class ArmMean:
    """One arm's mean, from below and, turned around, from above."""

    lower: LowerMean = LowerMean()
    upper: LowerMean = LowerMean()

    def add(self, units: float, own: Moments, propensity: float) -> Self:
        """A batch of ``units`` of all arms at one set of weights; ``own`` are the arm's outcomes.

        Raises ``ValueError`` where these cannot be, or outcomes leave [0, 1].
        """
        check_batch(units, own, propensity)
        others = _turned(own)
        return replace(
            self,
            lower=self.lower.add(units, own.total / propensity, own.squares / propensity**2),
            upper=self.upper.add(units, others.total / propensity, others.squares / propensity**2),
        )

    def to_state(self) -> list[list[float]]:
        """Twice three numbers."""
        return [self.lower.to_state(), self.upper.to_state()]

    @classmethod
    def from_state(cls, state: Sequence[Sequence[float]]) -> Self:
        """Raises ``ValueError`` where these are not twice three numbers."""
        lower, upper = state
        return cls(LowerMean.from_state(lower), LowerMean.from_state(upper))

    @property
    def estimate(self) -> float | None:
        """The mean of ``1{a} y / q(a)``: unbiased, and outside of [0, 1] at times."""
        return self.lower.total / self.lower.number if self.lower.number else None

    def interval(self, alpha: float) -> tuple[float, float]:
        """Holds the arm's mean with ``1 - alpha`` however often one looks; at worst ``(0, 1)``."""
        lower, upper = self.lower.bound(alpha / 2), 1 - self.upper.bound(alpha / 2)
        return min(lower, upper), max(lower, upper)


@dataclass(frozen=True)
class ArmAbove:
    """Whether arm x is above arm y: the mean of ``(1{x} y / q(x) + 1{y} (1 - y) / q(y)) / 2``, which is
    over a half exactly then.
    """

    half: LowerMean = LowerMean()

    def add(
        self, units: float, above: Moments, below: Moments, propensities: tuple[float, float]
    ) -> Self:
        """A batch of ``units`` of all arms; ``propensities`` of x and y.

        Raises ``ValueError`` where these cannot be, or outcomes leave [0, 1].
        """
        check_batch(units, above, propensities[0])
        check_batch(units, below, propensities[1])
        turned, (high, low) = _turned(below), propensities
        return replace(
            self,
            half=self.half.add(
                units,
                (above.total / high + turned.total / low) / 2,
                (above.squares / high**2 + turned.squares / low**2) / 4,
            ),
        )

    @property
    def log_e(self) -> float:
        """The logarithm of the e-value against "x is not above y"."""
        return self.half.log_above(0.5)

    def to_state(self) -> list[float]:
        """Three numbers."""
        return self.half.to_state()

    @classmethod
    def from_state(cls, state: Sequence[float]) -> Self:
        """Raises ``ValueError`` where these are not three numbers."""
        return cls(LowerMean.from_state(state))

    def difference_at_least(self, alpha: float) -> float:
        """What x's mean less y's is at least, at all times but ``alpha``."""
        return 2 * self.half.bound(alpha) - 1


def check_batch(units: float, own: Moments, propensity: float) -> None:
    """Raises ``ValueError`` naming what cannot be."""
    if not 0 < propensity <= 1:
        raise ValueError(f"propensity: {propensity} must lie over 0 and at most at 1")
    if not (math.isfinite(units) and 0 <= own.number <= units):
        raise ValueError(f"units: {own.number} of the arm among {units}")
    low, high = own.total**2 / own.number if own.number else 0.0, own.total
    if not low * (1 - 1e-9) <= own.squares <= high * (1 + 1e-9) or own.total > own.number * (
        1 + 1e-9
    ):
        raise ValueError(f"outcomes: {tuple(own)} are not those of values between 0 and 1")


def _turned(own: Moments) -> Moments:
    """The moments of ``1 - y``."""
    total = own.number - own.total
    return Moments(own.number, total, max(0.0, own.number - 2 * own.total + own.squares))

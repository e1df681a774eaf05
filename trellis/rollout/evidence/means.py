"""The difference, or ratio, of two means: an asymptotic confidence sequence, stratified by look.

Of look l with ``n_c`` and ``n_s`` values, means ``x_c`` and ``x_s`` and variances ``s_c``, ``s_s``:

    h_l = n_c n_s / (n_c + n_s)      its weight, as in a comparison of two means
    Z = sum h_l (x_c - x_s)          V = sum h_l^2 (s_c / n_c + s_s / n_s)

so what both sides share in a look (load, the time of day) leaves the comparison. ``Z - d sum h_l`` with
``d`` the true difference is asymptotically a Gaussian martingale of variance ``V``: the normal mixture
of ``trellis.rollout.evidence.normal`` bounds it at all times from a first one on (Waudby-Smith, Arbour,
Sinha, Kennedy and Ramdas, 2103.06476: the Lindeberg-type sequence of section 2, with the boundary of
Howard et al. 2021, 1810.08240, eq. (14)). A ratio ``r`` of means is the difference ``x_c - r x_s`` against 0 (Fieller 1954).

It is asymptotic, and rare large values break it (type-I error 0.56 at 95/5 with rare events, where it
began at once), so it begins only when the smaller side can be expected to have met ``EVENTS`` of
them: ``n (sum x)^2 / (N sum x^2)`` over both sides, Kish's effective number, which for zeros and ones
is the number of ones, or ``MANY`` values where means near 0 make that no measure. The variance of a
side with less than half of the other's values is taken no smaller than the other's would be in its place.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from trellis.rollout.evidence.normal import best_scale, boundary, log_one_sided
from trellis.rollout.evidence.roots import root
from trellis.rollout.looks import Moments

EVENTS = 10.0
MANY = 1000.0
_TUNED_FOR = 4.0  # times the variance at the beginning
_TUNED_ALPHA = 0.05


@dataclass(frozen=True)
class MeanSide:
    """One side's sums. ``known`` is its part of V from looks with two values or more, ``single`` the
    weights ``h^2 / n`` of those with one, whose variance the other looks tell; ``floor`` is ``known`` with
    the other side's variances.
    """

    number: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    weighted: float = 0.0  # sum h x
    known: float = 0.0
    single: float = 0.0
    floor: float = 0.0
    residual: float = 0.0  # sum of squares within looks
    freedom: float = 0.0

    def add(self, own: Moments, other: Moments, weight: float) -> Self:
        """One look in which both sides have values."""
        per_value = weight**2 / own.number
        residual = _residual(own)
        several = own.number > 1
        return type(self)(
            number=self.number + own.number,
            total=self.total + own.total,
            squares=self.squares + own.squares,
            weighted=self.weighted + weight * own.total / own.number,
            known=self.known + (per_value * residual / (own.number - 1) if several else 0.0),
            single=self.single + (0.0 if several else per_value),
            floor=self.floor
            + (per_value * _residual(other) / (other.number - 1) if other.number > 1 else 0.0),
            residual=self.residual + residual,
            freedom=self.freedom + own.number - 1,
        )

    def variance(self, other: "MeanSide") -> float:
        """The side's part of V; NaN while no look had two values of a side."""
        teacher = self if self.freedom else other
        each = teacher.residual / teacher.freedom if teacher.freedom else math.nan
        own = self.known + self.single * each if self.single else self.known
        return max(own, self.floor) if 2 * self.number < other.number else own


@dataclass(frozen=True)
class MeanContrast:
    """Canary against stable, or any two arms. ``scale`` is 0 until the sequence begins.

    ``signed``: values lie on both sides of 0.
    """

    signed: bool = False
    canary: MeanSide = MeanSide()
    stable: MeanSide = MeanSide()
    weight: float = 0.0
    scale: float = 0.0

    def add(self, canary: Moments, stable: Moments) -> Self:
        """One look; one without values of either side adds nothing."""
        if canary.number <= 0 or stable.number <= 0:
            return self
        weight = canary.number * stable.number / (canary.number + stable.number)
        added = replace(
            self,
            canary=self.canary.add(canary, stable, weight),
            stable=self.stable.add(stable, canary, weight),
            weight=self.weight + weight,
        )
        if self.scale or not added.enough:
            return added
        variance = added.variance(1.0)
        if not variance > 0:
            return added
        return replace(added, scale=best_scale(_TUNED_FOR * variance, _TUNED_ALPHA))

    @property
    def enough(self) -> bool:
        """Whether the smaller side can be expected to have met ``EVENTS``."""
        fewer = min(self.canary.number, self.stable.number)
        number = self.canary.number + self.stable.number
        squares = self.canary.squares + self.stable.squares
        total = self.canary.total + self.stable.total
        if self.signed and fewer >= MANY:
            return True
        return squares > 0 and fewer * total**2 / (number * squares) >= EVENTS

    def variance(self, ratio: float) -> float:
        """V of ``x_c - ratio x_s``; NaN while no look had two values of a side."""
        canary = self.canary.variance(self.stable)
        return canary + ratio**2 * self.stable.variance(self.canary)

    @property
    def begun(self) -> bool:
        """Whether there are values enough for a sequence."""
        return self.scale > 0

    def log_above(self, *, ratio: float = 1.0, difference: float = 0.0) -> float:
        """The logarithm of the e-value against "canary's mean is at most ``ratio`` times stable's
        plus ``difference``".
        """
        return self._log_one_sided(1.0, ratio, difference)

    def log_below(self, *, ratio: float = 1.0, difference: float = 0.0) -> float:
        """Likewise against "is at least"."""
        return self._log_one_sided(-1.0, ratio, difference)

    def _log_one_sided(self, sign: float, ratio: float, difference: float) -> float:
        if not self.begun:
            return 0.0
        total = self.canary.weighted - ratio * self.stable.weighted - difference * self.weight
        return log_one_sided(sign * total, self.variance(ratio), self.scale)

    @property
    def difference(self) -> float | None:
        """Canary's mean less stable's, as weighted by look."""
        if not self.weight:
            return None
        return (self.canary.weighted - self.stable.weighted) / self.weight

    @property
    def ratio(self) -> float | None:
        """Canary's mean by stable's, where that is positive."""
        if not self.stable.weighted > 0:
            return None
        return self.canary.weighted / self.stable.weighted

    def interval(self, alpha: float) -> tuple[float, float] | None:
        """Of the difference; None until the sequence begins."""
        middle = self.difference
        if not self.begun or middle is None:
            return None
        half = boundary(self.variance(1.0), self.scale, alpha) / self.weight
        return middle - half, middle + half

    def ratio_interval(self, alpha: float) -> tuple[float, float] | None:
        """Of the ratio; None where stable's mean may be 0 or less, or nothing has begun."""
        middle = self.ratio
        if not self.begun or middle is None or middle <= 0:
            return None

        def outside(ratio: float) -> float:
            off = abs(self.canary.weighted - ratio * self.stable.weighted)
            return off - boundary(self.variance(ratio), self.scale, alpha)

        upper = 2 * middle
        while outside(upper) < 0:
            upper *= 2
            if upper > 1e6 * middle:
                return None
        lower = 0.0 if outside(0.0) < 0 else root(outside, 0.0, middle)
        return lower, root(outside, middle, upper)

    def to_state(self) -> dict[str, Any]:
        """About twenty numbers."""
        return {
            "canary": list(asdict(self.canary).values()),
            "stable": list(asdict(self.stable).values()),
            "weight": self.weight,
            "scale": self.scale,
        }

    def restored(self, state: Mapping[str, Any]) -> Self:
        """Of the same kind. Raises ``ValueError``, ``KeyError`` or ``TypeError`` where it is none."""
        return replace(
            self,
            canary=MeanSide(*(float(number) for number in state["canary"])),
            stable=MeanSide(*(float(number) for number in state["stable"])),
            weight=float(state["weight"]),
            scale=float(state["scale"]),
        )


def _residual(values: Moments) -> float:
    """The sum of squares about the mean, from 0 on whatever rounding did."""
    return max(0.0, values.squares - values.total**2 / values.number)

"""Proportions of arms, unit by unit: an interval for each, and whether one is above another.

An interval holds a share that is the same for every unit: the beta-binomial mixture

    {p: B(a + k, b + n - k) / B(a, b) < p^k (1 - p)^(n - k) / alpha}

(Robbins 1970; Howard et al. 2021, 1810.08240, proposition 7, two-sided), here with Jeffreys' prior.

A comparison takes look after look, of arm x with ``n_x`` new units and y with ``n_y``, of whatever
shares those have then. With the guesses ``g_x > g_y`` of the past, and their mean ``g`` weighted by
``n_x`` and ``n_y``, the look multiplies the e-value against "x is not above y" by

    (g_x / g)^k_x ((1 - g_x) / (1 - g))^(n_x - k_x) (g_y / g)^k_y ((1 - g_y) / (1 - g))^(n_y - k_y)

and by 1 where the guesses do not say ``g_x > g_y`` (Turner, Ly and Grünwald, "Generic E-variables for
exact sequential k-sample tests", 2106.02693, theorem 1; that it is one for all of the convex null is the
property of the reverse information projection, here the point ``(g, g)``: Grünwald, de Heide and Koolen,
1906.07801, theorem 1).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from scipy.special import betaln

from trellis.rollout.evidence.checks import check_count
from trellis.rollout.evidence.roots import root
from trellis.rollout.evidence.tallies import NOTHING
from trellis.rollout.looks import Count

_PRIOR = 0.5  # successes, and failures, that each guess begins with
_NEAREST = 2.0**-53  # to 1, as a float


def share_interval(events: float, total: float, alpha: float) -> tuple[float, float]:
    """The shares that are not rejected at ``1 - alpha``, at any time. ``(0, 1)`` without a unit."""
    others = total - events
    evidence = float(betaln(_PRIOR + events, _PRIOR + others) - betaln(_PRIOR, _PRIOR))

    def rejected(share: float) -> float:
        likelihood = (events * math.log(share) if events else 0.0) + (
            others * math.log1p(-share) if others else 0.0
        )
        return evidence - likelihood + math.log(alpha)

    if total <= 0:
        return 0.0, 1.0
    tiny = 1e-300
    middle = min(max(events / total, tiny), 1 - _NEAREST)
    low, high = 0.0, 1.0
    if rejected(tiny) > 0:
        low = root(rejected, tiny, middle, 1e-15)
    if rejected(1 - _NEAREST) > 0:
        high = root(rejected, middle, 1 - _NEAREST, 1e-15)
    return low, high


@dataclass(frozen=True)
class AboveEvidence:
    """Whether arm x is above arm y: the logarithm of the e-value, and what the guesses rest on."""

    log_e: float = 0.0
    above: Count = NOTHING
    below: Count = NOTHING

    def add(self, above: Count, below: Count) -> Self:
        """One look of x (``above``) and y (``below``): events among units, each unit once.

        Raises ``ValueError`` where a number cannot be.
        """
        check_count("above", above, within_total=True)
        check_count("below", below, within_total=True)
        return replace(
            self,
            log_e=self.log_e + self._gained(above, below),
            above=Count(self.above.events + above.events, self.above.total + above.total),
            below=Count(self.below.events + below.events, self.below.total + below.total),
        )

    def _gained(self, above: Count, below: Count) -> float:
        if above.total <= 0 or below.total <= 0:
            return 0.0
        high, low = _guess(self.above), _guess(self.below)
        if high <= low:
            return 0.0
        null = (above.total * high + below.total * low) / (above.total + below.total)
        return _log_ratio(above, high, null) + _log_ratio(below, low, null)


@dataclass(frozen=True)
class ArmsEvidence:
    """Every arm against every other."""

    arms: tuple[str, ...]
    pairs: Mapping[tuple[str, str], AboveEvidence]

    @classmethod
    def start(cls, arms: Sequence[str]) -> Self:
        """Nothing seen yet. Raises ``ValueError`` for less than two arms or for one twice."""
        if len(arms) < 2 or len(set(arms)) != len(arms):
            raise ValueError(f"arms: expected two or more different ones, not {list(arms)}")
        return cls(tuple(arms), {(x, y): AboveEvidence() for x in arms for y in arms if x != y})

    def add(self, look: Mapping[str, Count]) -> Self:
        """One look by arm; an arm that is left out had no unit.

        Raises ``ValueError`` for an unknown arm, or where a number cannot be.
        """
        if unknown := set(look) - set(self.arms):
            raise ValueError(f"arms: {sorted(unknown)} take no part; {list(self.arms)} do")
        return replace(
            self,
            pairs={
                (x, y): pair.add(look.get(x, NOTHING), look.get(y, NOTHING))
                for (x, y), pair in self.pairs.items()
            },
        )

    def log_best(self, arm: str) -> float:
        """The logarithm of the e-value against "some other arm is as good": the least of its pairs."""
        return min(pair.log_e for (x, _), pair in self.pairs.items() if x == arm)

    def best(self, alpha: float) -> str | None:
        """The arm that is above all others, once that is shown.

        Wrong with probability ``alpha`` at most, however often one looks: at most as many arms as
        there are can be named in error, so each needs an e-value of ``arms / alpha``.
        """
        needed = math.log(len(self.arms) / alpha)
        return next((arm for arm in self.arms if self.log_best(arm) >= needed), None)

    def to_state(self) -> list[list[Any]]:
        """By pair: both arms and five numbers."""
        return [[x, y, pair.log_e, *pair.above, *pair.below] for (x, y), pair in self.pairs.items()]

    @classmethod
    def from_state(cls, state: Sequence[Sequence[Any]], arms: Sequence[str]) -> Self:
        """What ``to_state`` gave, of the same arms. Raises ``ValueError`` where it is none."""
        empty = cls.start(arms)
        pairs = {
            (str(x), str(y)): AboveEvidence(
                float(log_e), Count(float(a), float(b)), Count(float(c), float(d))
            )
            for x, y, log_e, a, b, c, d in state
        }
        if pairs.keys() != empty.pairs.keys():
            raise ValueError(f"arms: the state is not that of {list(arms)}")
        return replace(empty, pairs=pairs)


def _guess(count: Count) -> float:
    return (count.events + _PRIOR) / (count.total + 2 * _PRIOR)


def _log_ratio(count: Count, share: float, null: float) -> float:
    others = count.total - count.events
    return count.events * math.log(share / null) + others * math.log((1 - share) / (1 - null))

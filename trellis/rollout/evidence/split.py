"""Whether units reached the arms in the shares that they were meant to: sample-ratio mismatch.

With ``n_i`` units of arm i and the shares ``q_i`` meant for them, the Dirichlet mixture

    e = G(A) / G(A + n) prod_i G(A q_i + n_i) / (G(A q_i) q_i^n_i)        with G the gamma function

is a martingale that begins with 1 while the shares are as meant (Lindon and Malek, "Anytime-valid
inference for multinomial count data", 2011.03567: the Bayes factor of their multinomial test with ``alpha_0 = A q``). Where the shares
change, the e-value so far is kept and multiplied by one that begins anew.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from scipy.special import gammaln

#: How strongly the mixture believes in the shares meant, in units: smaller ones see gross mismatch
#: sooner, larger ones slight mismatch.
CONCENTRATION = 100.0


@dataclass(frozen=True)
class SplitEvidence:
    """``earlier`` is the logarithm of the e-value of all earlier shares; counts are of the present."""

    shares: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    earlier: float = 0.0

    def add(self, counts: Mapping[str, int], shares: Mapping[str, float]) -> Self:
        """Units that came new, by arm, and the shares meant for them then (any positive scale).

        An arm with share 0 is left out. Raises ``ValueError`` where no share is positive, a number is
        negative, or a unit reached an arm that has no share.
        """
        meant = _normalised(shares)
        for arm, count in counts.items():
            if count < 0:
                raise ValueError(f"counts.{arm}: {count} is no count")
            if count and arm not in meant:
                raise ValueError(f"counts.{arm}: {count} units of an arm without a share")
        present = (
            self
            if self.shares == meant
            else replace(self, shares=meant, counts={}, earlier=self.log_e)
        )
        summed = {arm: present.counts.get(arm, 0) + counts.get(arm, 0) for arm in meant}
        return replace(present, counts=summed)

    @property
    def log_e(self) -> float:
        """The logarithm of the e-value against "the shares were as meant"."""
        total = sum(self.counts.values())
        if not total:
            return self.earlier
        log_e = self.earlier + float(gammaln(CONCENTRATION) - gammaln(CONCENTRATION + total))
        for arm, count in self.counts.items():
            prior = CONCENTRATION * self.shares[arm]
            log_e += float(gammaln(prior + count) - gammaln(prior))
            log_e -= count * math.log(self.shares[arm])
        return log_e

    def mismatch(self, alpha: float) -> bool:
        """Whether it is shown; wrong with probability ``alpha`` at most, however often one looks."""
        return self.log_e >= -math.log(alpha)

    def to_state(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "shares": dict(self.shares),
            "counts": dict(self.counts),
            "earlier": self.earlier,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """What ``to_state`` gave."""
        return cls(dict(state["shares"]), dict(state["counts"]), float(state["earlier"]))


def _normalised(shares: Mapping[str, float]) -> dict[str, float]:
    values: Sequence[float] = tuple(shares.values())
    if not all(math.isfinite(value) and value >= 0 for value in values) or not sum(values) > 0:
        raise ValueError(f"shares: {dict(shares)} must be 0 or more, and one of them more")
    whole = math.fsum(values)
    return {arm: value / whole for arm, value in shares.items() if value > 0}

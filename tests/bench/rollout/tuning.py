"""The thresholds and limits at which each rule rolls back at most 1 % of the versions that are fine."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from tests.bench.rollout.drawn import LOOK, Drawn
from tests.bench.rollout.ours import Trellis
from tests.bench.rollout.peers import ArgoRollouts, Ends, Flagger, failed_checks

#: The rate of false rollbacks that all rules are tuned to.
FALSE_ROLLBACKS = 0.01


class Rule(Protocol):
    """What all rules can do."""

    def rollbacks(self, drawn: Drawn) -> Ends:
        """Looks until each rollout goes back; 0 where it never does."""


def served(drawn: Drawn, ends: Ends) -> float:
    """Canary requests until the rollback, or until the end where none came; the mean."""
    answered = np.cumsum(drawn.canary_totals, axis=1)
    last = np.where(ends > 0, ends, answered.shape[1]) - 1
    return float(answered[np.arange(len(ends)), last].mean())


def flagger(fine: Drawn, base: float) -> list[Rule]:
    """For each threshold of errors the fewest failed checks that keep to the rate."""
    return [Flagger(1 - share, limit) for share, limit in _tuned(fine, base, Flagger.interval)]


def argo(fine: Drawn, base: float) -> list[Rule]:
    """For each threshold of errors the lowest limit that keeps to the rate."""
    return [
        ArgoRollouts(1 - share, limit - 1)
        for share, limit in _tuned(fine, base, ArgoRollouts.interval)
    ]


def trellis(fine: Drawn, margin: float) -> Trellis:
    """With the smallest e-value that at most 1 % of the fine versions reach."""
    highest = np.sort(Trellis(margin).highest(fine))
    allowed = int(FALSE_ROLLBACKS * len(highest))
    # A little more, so that rounding does not let the highest that is not allowed pass.
    return Trellis(margin, float(np.exp(highest[-allowed - 1])) * (1 + 1e-9))


def _tuned(fine: Drawn, base: float, interval: int) -> Iterator[tuple[float, int]]:
    """Pairs of an error share and of the number of failed checks at which to go back."""
    checks = fine.every(interval // LOOK)
    shares = {round(float(share), 5) for share in np.linspace(0, 20 * base, 41)}
    shares |= {round(float(share), 5) for share in np.linspace(0, 0.5, 26)}
    for share in sorted(shares):
        failed = failed_checks(checks, 1 - share).sum(axis=1)
        for limit in range(1, checks.canary_totals.shape[1] + 1):
            if (failed >= limit).mean() <= FALSE_ROLLBACKS:
                yield share, limit
                break

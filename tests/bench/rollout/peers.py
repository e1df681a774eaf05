"""The rules of two peers, written anew from their documentation and source, over many rollouts at once.

Both look at the canary alone, once an interval, and compare the success rate of that interval with
a fixed threshold.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.bench.rollout.drawn import LOOK, Counts, Drawn

#: Looks until each rollout goes back; 0 where it never does.
Ends = NDArray[np.int64]


@dataclass(frozen=True)
class Flagger:
    """Flagger (commit 0016895): ``threshold`` failed checks, counted over the whole analysis, roll back.

    A check fails where the interval's success rate is under ``least_success``, or nothing was sent.
    Only a check that passes counts towards ``iterations``, after which the canary is promoted;
    without them the rule goes on for as long as there is traffic.
    """

    least_success: float
    threshold: int
    iterations: int | None = None
    interval: int = 60

    def rollbacks(self, drawn: Drawn) -> Ends:
        """The first of its intervals in which the rule goes back, in looks."""
        looks = self.interval // LOOK
        failed = failed_checks(drawn.every(looks), self.least_success)
        promoted = np.zeros_like(failed)
        if self.iterations is not None:
            promoted = np.cumsum(~failed, axis=1) >= self.iterations
        return looks * _first(np.cumsum(failed, axis=1) >= self.threshold, promoted)


@dataclass(frozen=True)
class ArgoRollouts:
    """Argo Rollouts (commit 045c1cf): a metric has failed when more than ``failureLimit`` measurements have.

    A measurement fails where ``successCondition: result >= least_success`` does not hold; a rate of
    nothing is not a number and fails too. After ``count`` measurements the metric has succeeded.
    """

    least_success: float
    failure_limit: int = 0
    count: int | None = None
    interval: int = 300

    def rollbacks(self, drawn: Drawn) -> Ends:
        """The first of its intervals in which the rule goes back, in looks."""
        looks = self.interval // LOOK
        failed = failed_checks(drawn.every(looks), self.least_success)
        succeeded = np.zeros_like(failed)
        if self.count is not None:
            succeeded[:, self.count - 1 :] = True
        return looks * _first(np.cumsum(failed, axis=1) > self.failure_limit, succeeded)


def failed_checks(drawn: Drawn, least_success: float) -> NDArray[np.bool_]:
    """Whether the rate of each interval is not at least ``least_success``; 0 / 0 is not."""
    totals: Counts = drawn.canary_totals
    return ~((totals > 0) & (totals - drawn.canary_errors >= least_success * totals))


def _first(back: NDArray[np.bool_], forward: NDArray[np.bool_]) -> Ends:
    """The number of the first interval of ``back``, unless ``forward`` came before it."""
    never = back.shape[1]
    first_back = np.where(back.any(axis=1), back.argmax(axis=1), never)
    first_forward = np.where(forward.any(axis=1), forward.argmax(axis=1), never)
    gone = (first_back < never) & (first_back <= first_forward)
    return np.where(gone, first_back + 1, 0)

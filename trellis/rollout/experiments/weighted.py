"""Shares of units whose weights follow the evidence: by inverse propensities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from trellis.rollout.evidence.propensity import ArmAbove, ArmMean, LowerMean
from trellis.rollout.experiments.comparison import NOTHING, Interval, Pair, needed, same
from trellis.rollout.looks import Moments


@dataclass(frozen=True)
class Weighted:
    """Shares of units whose weights follow the evidence."""

    arms: tuple[str, ...]
    means: Mapping[str, ArmMean]
    pairs: Mapping[Pair, ArmAbove]

    @classmethod
    def start(cls, arms: Sequence[str]) -> Self:
        """Nothing seen yet."""
        pairs = {(x, y): ArmAbove() for x in arms for y in arms if x != y}
        return cls(tuple(arms), {arm: ArmMean() for arm in arms}, pairs)

    def add(self, look: Mapping[str, Moments], shares: Mapping[str, float]) -> Self:
        """See ``GoalEvidence``; values are 0 or 1."""
        units = sum(of.number for of in look.values())
        whole = sum(shares.values())
        given = {arm: min(1.0, shares[arm] / whole) for arm in self.arms}
        own = {arm: look.get(arm, NOTHING) for arm in self.arms}
        return replace(
            self,
            means={arm: mean.add(units, own[arm], given[arm]) for arm, mean in self.means.items()},
            pairs={
                (x, y): pair.add(units, own[x], own[y], (given[x], given[y]))
                for (x, y), pair in self.pairs.items()
            },
        )

    def best(self, alpha: float) -> str | None:
        """See ``GoalEvidence``."""
        threshold = needed(self.arms, alpha)
        for arm in self.arms:
            if min(pair.log_e for (x, _), pair in self.pairs.items() if x == arm) >= threshold:
                return arm
        return None

    def estimate(self, arm: str) -> float | None:
        """Weighted by the propensities of the time: the arm's rate over all units' time."""
        estimate = self.means[arm].estimate
        return None if estimate is None else min(1.0, max(0.0, estimate))

    def interval(self, arm: str, alpha: float) -> Interval | None:
        """See ``GoalEvidence``."""
        return self.means[arm].interval(alpha)

    def difference(self, arm: str, first: str, alpha: float) -> Interval | None:
        """See ``GoalEvidence``."""
        lower = self.pairs[arm, first].difference_at_least(alpha / 2)
        upper = -self.pairs[first, arm].difference_at_least(alpha / 2)
        return min(lower, upper), max(lower, upper)

    def to_state(self) -> dict[str, Any]:
        """See ``GoalEvidence``."""
        return {
            "means": {
                arm: [mean.lower.to_state(), mean.upper.to_state()]
                for arm, mean in self.means.items()
            },
            "pairs": [[x, y, pair.half.to_state()] for (x, y), pair in self.pairs.items()],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], arms: Sequence[str]) -> Self:
        """Raises ``ValueError`` where the arms are others."""
        empty = cls.start(arms)
        means = {
            arm: ArmMean(LowerMean.from_state(lower), LowerMean.from_state(upper))
            for arm, (lower, upper) in state["means"].items()
        }
        pairs = {(x, y): ArmAbove(LowerMean.from_state(half)) for x, y, half in state["pairs"]}
        return replace(empty, means=same(means, empty.means), pairs=same(pairs, empty.pairs))

"""Shares of units, look by look, at whatever weights each look had."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from trellis.rollout.evidence.proportions import ArmsEvidence, share_interval
from trellis.rollout.experiments.comparison import Interval, same
from trellis.rollout.experiments.scores import Scores
from trellis.rollout.looks import Count, Moments


@dataclass(frozen=True)
class Rates:
    """Shares of units: who is above whom, each arm's tally, and differences as of means."""

    arms: tuple[str, ...]
    above: ArmsEvidence
    tallies: Mapping[str, Count]
    differences: Scores

    @classmethod
    def start(cls, arms: Sequence[str]) -> Self:
        """Nothing seen yet."""
        tallies = dict.fromkeys(arms, Count(0.0, 0.0))
        return cls(tuple(arms), ArmsEvidence.start(arms), tallies, Scores.start(arms))

    def add(self, look: Mapping[str, Moments], shares: Mapping[str, float]) -> Self:
        """See ``GoalEvidence``; values are 0 or 1."""
        counts = {arm: Count(of.total, of.number) for arm, of in look.items()}
        return replace(
            self,
            above=self.above.add(counts),
            differences=self.differences.add(look, shares),
            tallies={
                arm: Count(*map(sum, zip(so_far, counts.get(arm, (0.0, 0.0)), strict=True)))
                for arm, so_far in self.tallies.items()
            },
        )

    def best(self, alpha: float) -> str | None:
        """See ``GoalEvidence``."""
        return self.above.best(alpha)

    def estimate(self, arm: str) -> float | None:
        """See ``GoalEvidence``."""
        return None

    def interval(self, arm: str, alpha: float) -> Interval | None:
        """See ``GoalEvidence``."""
        return share_interval(*self.tallies[arm], alpha)

    def difference(self, arm: str, first: str, alpha: float) -> Interval | None:
        """See ``GoalEvidence``; asymptotic."""
        return self.differences.difference(arm, first, alpha)

    def to_state(self) -> dict[str, Any]:
        """See ``GoalEvidence``."""
        return {
            "above": self.above.to_state(),
            "tallies": {arm: list(count) for arm, count in self.tallies.items()},
            "differences": self.differences.to_state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], arms: Sequence[str]) -> Self:
        """Raises ``ValueError`` where the arms are others."""
        tallies = {arm: Count(*count) for arm, count in state["tallies"].items()}
        return cls(
            tuple(arms),
            ArmsEvidence.from_state(state["above"], arms),
            same(tallies, dict.fromkeys(arms, Count(0.0, 0.0))),
            Scores.from_state(state["differences"], arms),
        )

"""Means of scores, which have no bounds: asymptotic sequences of differences, look by look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from trellis.rollout.evidence.means import MeanContrast
from trellis.rollout.experiments.comparison import NOTHING, Interval, Pair, needed, same
from trellis.rollout.looks import Moments


@dataclass(frozen=True)
class Scores:
    """Means of values on both sides of 0: each pair by look, each arm by the sums of its values."""

    arms: tuple[str, ...]
    pairs: Mapping[Pair, MeanContrast]

    @classmethod
    def start(cls, arms: Sequence[str]) -> Self:
        """One contrast of each two arms; the other way round it is the same with another sign."""
        forward = [(x, y) for place, x in enumerate(arms) for y in arms[:place]]
        return cls(tuple(arms), {pair: MeanContrast(signed=True) for pair in forward})

    def add(self, look: Mapping[str, Moments], shares: Mapping[str, float]) -> Self:
        """See ``GoalEvidence``."""
        return replace(
            self,
            pairs={
                (x, y): contrast.add(look.get(x, NOTHING), look.get(y, NOTHING))
                for (x, y), contrast in self.pairs.items()
            },
        )

    def best(self, alpha: float) -> str | None:
        """See ``GoalEvidence``."""
        threshold = needed(self.arms, alpha)
        for arm in self.arms:
            least = min(
                contrast.log_above() if arm == x else contrast.log_below()
                for (x, y), contrast in self.pairs.items()
                if arm in {x, y}
            )
            if least >= threshold:
                return arm
        return None

    def estimate(self, arm: str) -> float | None:
        """See ``GoalEvidence``."""
        return None

    def interval(self, arm: str, alpha: float) -> Interval | None:
        """None: differences are what is known of means whose weights and looks differ."""
        return None

    def difference(self, arm: str, first: str, alpha: float) -> Interval | None:
        """See ``GoalEvidence``."""
        return self.pairs[arm, first].interval(alpha)

    def to_state(self) -> dict[str, Any]:
        """See ``GoalEvidence``."""
        return {"pairs": [[x, y, of.to_state()] for (x, y), of in self.pairs.items()]}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], arms: Sequence[str]) -> Self:
        """Raises ``ValueError`` where the arms are others."""
        empty = cls.start(arms)
        pairs = {(x, y): MeanContrast(signed=True).restored(of) for x, y, of in state["pairs"]}
        return replace(empty, pairs=same(pairs, empty.pairs))

"""What comparisons of arms by a goal have in common."""

from collections.abc import Mapping, Sequence
from math import log
from typing import Any, Protocol, Self, TypeVar

from trellis.rollout.looks import Moments

Pair = tuple[str, str]
Interval = tuple[float, float]
Key = TypeVar("Key")
Value = TypeVar("Value")

#: Of an arm that had no unit.
NOTHING = Moments(0.0, 0.0, 0.0)


class GoalEvidence(Protocol):
    """Of all arms, from look to look; higher is better."""

    def add(self, look: Mapping[str, Moments], shares: Mapping[str, float]) -> Self:
        """One look by arm, in an era with these shares."""
        ...

    def best(self, alpha: float) -> str | None:
        """The arm that is above all others, once that is shown."""
        ...

    def estimate(self, arm: str) -> float | None:
        """Of the arm's own rate, where it is another than that of the values as they came."""
        ...

    def interval(self, arm: str, alpha: float) -> Interval | None:
        """Of the arm's own rate or mean."""
        ...

    def difference(self, arm: str, first: str, alpha: float) -> Interval | None:
        """Of what the arm has over the first."""
        ...

    def to_state(self) -> dict[str, Any]:
        """JSON-able."""
        ...


def needed(arms: Sequence[str], alpha: float) -> float:
    """The logarithm of the e-value for a winner: as many arms as there are can be named in error."""
    return log(len(arms) / alpha)


def same(read: Mapping[Key, Value], empty: Mapping[Key, Value]) -> Mapping[Key, Value]:
    """``read``, where its keys are those of ``empty``. Raises ``ValueError``."""
    if read.keys() != empty.keys():
        raise ValueError(f"the state is of {list(read)}, not of {list(empty)}")
    return read

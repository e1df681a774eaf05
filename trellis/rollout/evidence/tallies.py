"""What was counted, for people: by stream, since requests and units cannot be added."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

from trellis.contracts.rollout_status import Tally
from trellis.rollout.looks import Count

Stream = Literal["requests", "units"]
#: Of a side that sent nothing.
NOTHING = Count(0.0, 0.0)


@dataclass(frozen=True)
class Pair:
    """Both sides of one stream."""

    canary: Count = NOTHING
    stable: Count = NOTHING

    def add(self, canary: Count, stable: Count) -> Self:
        """Sums of both."""
        return type(self)(_sum(self.canary, canary), _sum(self.stable, stable))


@dataclass(frozen=True)
class Tallies:
    """Of units the total is visits: of each look, those at risk."""

    requests: Pair = Pair()
    units: Pair = Pair()

    def add(self, stream: Stream, canary: Count, stable: Count) -> Self:
        """With one look of the stream."""
        if stream == "requests":
            return type(self)(self.requests.add(canary, stable), self.units)
        return type(self)(self.requests, self.units.add(canary, stable))

    @property
    def chief(self) -> Stream:
        """The stream of which the canary has met more."""
        more_units = self.units.canary.total > self.requests.canary.total
        return "units" if more_units else "requests"

    def tally(self, side: Literal["canary", "stable"]) -> Tally:
        """The side's, in the chief stream."""
        count: Count = getattr(getattr(self, self.chief), side)
        return Tally(events=count.events, total=count.total)

    def to_state(self) -> list[float]:
        """Eight numbers."""
        pairs = (self.requests, self.units)
        return [
            number for pair in pairs for count in (pair.canary, pair.stable) for number in count
        ]

    @classmethod
    def from_state(cls, state: Sequence[float]) -> Self:
        """Raises ``ValueError`` where these are not eight numbers."""
        numbers = [float(number) for number in state]
        if len(numbers) != 8:
            raise ValueError(f"tallies: expected 8 numbers, {len(numbers)} came")
        counts = [Count(*numbers[at : at + 2]) for at in range(0, 8, 2)]
        return cls(Pair(*counts[:2]), Pair(*counts[2:]))


def _sum(first: Count, second: Count) -> Count:
    return Count(first.events + second.events, first.total + second.total)

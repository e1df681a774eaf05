"""Which controller tells of a step, pure: the one that wrote it into the status, and others only in its stead."""

from collections.abc import Container, Sequence
from itertools import takewhile
from typing import Protocol, TypeVar


class Dated(Protocol):
    """A step that is to be told of."""

    @property
    def number(self) -> int:
        """Its own for good."""
        ...

    @property
    def time(self) -> float:
        """When it happened, in seconds since 1970."""
        ...


Step = TypeVar("Step", bound=Dated)

#: Seconds after which a step that its writer has not told of is taken over. What was told of stands in the
#: status within one more pass, which is a minute later at most.
TAKEN_OVER_SECONDS = 120.0


def in_turn(unsent: Sequence[Step], mine: Container[int], now: float) -> tuple[Step, ...]:
    """Of what is unsent, oldest first, what this controller is to tell of: ``mine`` are the numbers that it
    wrote. A step waits for all before it, so that they come in order whoever tells of them.
    """
    return tuple(
        takewhile(lambda one: one.number in mine or now - one.time >= TAKEN_OVER_SECONDS, unsent)
    )

"""Which controller tells of a step, pure: the one that wrote it into the status, and others only in its stead."""

from collections.abc import Container, Sequence
from itertools import takewhile

from trellis.rollout.plan.decision import Notification

#: Seconds after which a step that its writer has not told of is taken over. What was told of stands in the
#: status within one more pass, which is a minute later at most.
TAKEN_OVER_SECONDS = 120.0


def in_turn(
    unsent: Sequence[Notification], mine: Container[int], now: float
) -> tuple[Notification, ...]:
    """Of what is unsent, oldest first, what this controller is to tell of: ``mine`` are the numbers that it
    wrote. A step waits for all before it, so that they come in order whoever tells of them.
    """
    return tuple(
        takewhile(
            lambda one: one.number in mine or now - one.entry.time >= TAKEN_OVER_SECONDS, unsent
        )
    )

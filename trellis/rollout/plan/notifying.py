"""Which steps are still to be told to those who want to hear of them."""

from trellis.contracts.rollout_status import RolloutStatus
from trellis.rollout.plan.decision import Notification
from trellis.rollout.plan.memory import Memory


def unsent(status: RolloutStatus, memory: Memory) -> tuple[Notification, ...]:
    """The lines of the history that were not sent yet, the oldest first."""
    first = memory.recorded - len(status.history) + 1
    return tuple(
        Notification(number, entry)
        for number, entry in enumerate(status.history, first)
        if number > memory.notified
    )

"""What to do with news that is older than the last step, or that leaves out the half: nothing.

Of two controllers one hears of an InferenceService sooner. The status that it writes reaches the
other at once, which may then still see the service as it was: a promoted version would seem to have
lost its traffic, and one that was replaced to be asked for again. Likewise while KServe's Knative
Service is away: then nobody can say what the InferenceService asks for.
"""

from trellis.contracts.rollout_status import RolloutStatus
from trellis.rollout.plan.decision import Decision
from trellis.rollout.plan.following import wanted_table
from trellis.rollout.plan.memory import Memory
from trellis.rollout.plan.notifying import unsent
from trellis.rollout.seen import ServiceSeen

#: Seconds after which an older number is believed: a cluster may be restored from a backup.
BELIEVED_AFTER = 60.0


def is_stale(memory: Memory, seen: ServiceSeen, now: float) -> bool:
    """Whether the service was seen before the last step was decided."""
    if memory.seen_at is None or now - memory.seen_at >= BELIEVED_AFTER:
        return False
    return 0 < seen.order < memory.seen_order


def is_half(status: RolloutStatus, seen: ServiceSeen) -> bool:
    """Whether it is not known what the service asks for, though it was."""
    return status.stable is not None and not seen.wanted_identity


def unchanged(status: RolloutStatus, memory: Memory, message: str = "") -> Decision:
    """The decision to wait for news; ``message`` says for which."""
    return Decision(
        status=status.model_copy(update={"message": message}) if message else status,
        field="leave",
        table=wanted_table(status),
        look="none",
        pressing=False,
        notifications=unsent(status, memory),
    )

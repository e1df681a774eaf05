"""What remains when a Rollout is deleted in the middle: the traffic, as it is."""

from trellis.contracts.rollout_status import RolloutStatus
from trellis.rollout.plan.decision import Announcement, Decision


def on_delete(status: RolloutStatus) -> Decision:
    """Leave the weight where the InferenceService has it; gateways go back to the service's host.

    Nobody watches the canary from then on; whoever deleted the Rollout removes the weight
    (promotes) or sets it to 0. Nothing is left behind on the InferenceService but the field.
    """
    canary = status.canary
    message = (
        f"the traffic stays as it is: {status.weight} % on {canary.version}"
        if canary is not None
        else "the traffic stays as it is"
    )
    return Decision(
        status=status,
        field="leave",
        table="untagged",
        look="none",
        pressing=False,
        announcements=(Announcement("Normal", "Deleted", message),),
    )

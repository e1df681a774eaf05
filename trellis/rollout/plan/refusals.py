"""When nothing is moved at all, and the sentence that says what to change."""

from typing import NamedTuple

from trellis.contracts.rollout import RolloutSpec
from trellis.rollout.plan.draft import Draft
from trellis.rollout.seen import ServiceSeen


class Refusal(NamedTuple):
    """A condition's reason, and a sentence."""

    reason: str
    message: str


def refusal_of(spec: RolloutSpec, seen: ServiceSeen | None, rival: str | None) -> Refusal | None:
    """What stands in the way before anything is decided; None where nothing does."""
    service = spec.inference_service
    if rival is not None:
        return Refusal(
            "RivalRollout",
            f"Rollout {rival} is older and moves the traffic of {service}; delete one of the two",
        )
    if seen is None:
        return Refusal("ServiceUnknown", f"there is no InferenceService {service} here")
    if seen.cannot_split:
        return Refusal("CannotSplit", seen.cannot_split)
    return None


def note(draft: Draft, refusal: Refusal | None) -> None:
    """Remember a refusal, and record its beginning and its end."""
    before = draft.memory.refused
    if refusal is None:
        if before:
            draft.remember(refused="")
            draft.record("resumed", "what stood in the way is gone")
    elif refusal.reason != before:
        draft.remember(refused=refusal.reason)
        draft.record("refused", refusal.message, reason=refusal.reason)

"""Whose the weight is. A value that anybody else set is respected, and said."""

from trellis.rollout.plan.draft import Draft, Facts
from trellis.rollout.plan.following import intended
from trellis.rollout.seen import ServiceSeen

FIELD = "canaryTrafficPercent"


def is_elsewhere(draft: Draft, seen: ServiceSeen) -> bool:
    """Whether the weight in force is somebody else's, and to be respected."""
    field = intended(draft.memory, draft.weight)
    if draft.memory.manual:
        return True
    if seen.weight is None or seen.weight == (field if isinstance(field, int) else None):
        return False
    taken_over = seen.weight_owner == "hand" and seen.weight == draft.memory.accepted_hand
    return seen.weight_owner in {"hand", "applier"} and not taken_over


def check(draft: Draft, facts: Facts) -> str:
    """Note a weight set by hand; the sentence of a refusal where another manager applies it."""
    seen = facts.seen
    field = intended(draft.memory, draft.weight)
    wanted = field if isinstance(field, int) else None
    if seen.weight_owner == "applier" and seen.weight is not None and seen.weight != wanted:
        return (
            f"{FIELD} {seen.weight} is applied by {seen.weight_owner_name or 'another manager'}: "
            f"drop the field from what it applies, and this rollout sets it"
        )
    _check_hand(draft, facts, wanted)
    return ""


def take_over(draft: Draft, facts: Facts) -> None:
    """From now on the weight is ours again, whatever somebody set."""
    draft.remember(manual=False, manual_weight=None, accepted_hand=facts.seen.weight)


def _check_hand(draft: Draft, facts: Facts, wanted: int | None) -> None:
    seen, memory = facts.seen, draft.memory
    if memory.manual and (seen.weight == wanted or seen.weight_owner == "us"):
        draft.remember(manual=False, manual_weight=None)
        draft.record("resumed", f"{FIELD} is as this rollout wants it again")
    if seen.weight_owner != "hand":
        if memory.accepted_hand is not None:
            draft.remember(accepted_hand=None)
        return
    if seen.weight == wanted:
        if memory.accepted_hand != wanted:
            draft.remember(accepted_hand=wanted)
        return
    if seen.weight is None or seen.weight == memory.accepted_hand:
        return
    if not memory.manual or seen.weight != memory.manual_weight:
        draft.remember(manual=True, manual_weight=seen.weight)
        draft.record(
            "weightChangedByHand",
            f"{seen.weight_owner_name or 'somebody'} set {FIELD} to {seen.weight}, "
            f"{'absent' if wanted is None else wanted} was asked for: nothing is moved until "
            "this rollout is resumed",
        )

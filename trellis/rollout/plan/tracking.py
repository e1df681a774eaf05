"""What the cluster made of it: which revisions are stable and canary now, and who has all traffic."""

from trellis.contracts.rollout_status import Side
from trellis.rollout.plan.draft import Draft, Facts
from trellis.rollout.plan.ownership import is_elsewhere
from trellis.rollout.plan.sides import canary_share, is_canary, side
from trellis.rollout.plan.turning import sticky_name, turn_away
from trellis.rollout.seen import RevisionSeen, ServiceSeen


def track(draft: Draft, facts: Facts) -> None:
    """Bring both sides up to date with what is seen."""
    seen = facts.seen
    holder = seen.revisions.get(seen.rolled_out) if seen.rolled_out else None
    if holder is not None:
        _track_stable(draft, seen, holder)
    if draft.canary is not None:
        _track_canary(draft, facts, draft.canary)


def _track_stable(draft: Draft, seen: ServiceSeen, holder: RevisionSeen) -> None:
    stable, canary = draft.stable, draft.canary
    if stable is None:
        draft.stable = side(holder)
    elif canary is not None and is_canary(seen, holder.name, stable, canary):
        _promote_where_meant(draft, seen, holder, canary)
    elif holder.identity != stable.identity:
        _take_as_it_is(draft, seen, holder, stable)
    elif holder.name != stable.revision:
        draft.stable = side(holder)
        draft.remember(previous=None)  # one step back is the same version now
        draft.record(
            "followed",
            f"{holder.name} is a new revision of the same version and took over from "
            f"{stable.revision}; it counts as stable",
            version=holder.version,
        )


def _promote_where_meant(
    draft: Draft, seen: ServiceSeen, holder: RevisionSeen, canary: Side
) -> None:
    """The canary has the traffic: by the plan, or by whoever else sets the weight.

    Otherwise the weight is absent or was for a moment, and setting it again is one step back.
    """
    everything = canary_share(seen, draft.stable, canary) == 100
    by_plan = draft.memory.released and seen.weight is None and everything
    if by_plan:
        _crown(draft, holder, canary)
        draft.record("promoted", f"{holder.version} has all traffic: {draft.memory.why}")
        draft.remember(why="")
    elif everything and seen.weight != 0 and is_elsewhere(draft, seen):
        _crown(draft, holder, canary)
        draft.remember(why="")
        draft.record(
            "promoted",
            f"{holder.version} was given all traffic by {seen.weight_owner_name or 'hand'}, "
            "not by this rollout",
        )


def _crown(draft: Draft, holder: RevisionSeen, canary: Side) -> None:
    name = sticky_name(draft.stable, canary)
    turn_away(draft)
    draft.remember(
        course="promoted",
        released=True,
        previous=draft.stable,
        rolled_back=tuple(other for other in draft.memory.rolled_back if other != name),
        paused=False,
        paused_by="",
        overdue=False,
        degraded="",
    )
    draft.stable, draft.canary = side(holder), None
    draft.weight, draft.step = 100, 0


def _take_as_it_is(draft: Draft, seen: ServiceSeen, holder: RevisionSeen, stable: Side) -> None:
    """A version that no rollout brought holds the traffic: it is what a canary meets now."""
    draft.stable = side(holder)
    draft.remember(previous=None)
    all_of_it = draft.canary is None and holder.identity == seen.wanted_identity
    message = (
        f"{holder.version} took all traffic from {stable.version} without a rollout"
        if all_of_it
        else f"the rest of the traffic went from {stable.version} to {holder.version} "
        f"({holder.name}), which this rollout did not ask for"
    )
    draft.record("followed", message, reason="StableChanged", version=holder.version)


def _track_canary(draft: Draft, facts: Facts, canary: Side) -> None:
    """The canary is its newest ready revision, or its newest where none is ready yet."""
    seen, stable = facts.seen, draft.stable
    one_by_one = facts.spec.same_version == "trial"
    if (canary.revision and one_by_one) or (stable and stable.identity == canary.identity):
        return
    names = [name for name in (seen.ready, seen.created) if is_canary(seen, name, stable, canary)]
    if not names or names[0] is None or names[0] == canary.revision:
        return
    draft.canary = canary.model_copy(update={"revision": names[0]})
    if canary.revision and draft.memory.course in {"stepping", "promoting"}:
        draft.record(
            "followed",
            f"{names[0]} is a new revision of the same version and took over from "
            f"{canary.revision}; the evidence goes on",
        )

"""Which version is on trial: a new one, none any more, or one that failed before."""

from trellis.contracts.rollout_status import Side
from trellis.rollout.plan.draft import Draft, Facts
from trellis.rollout.plan.sides import side
from trellis.rollout.plan.turning import sticky_name, turn_away

_UNDER_WAY = {"waiting", "stepping", "promoting", "rollingBack"}


def consider(draft: Draft, facts: Facts) -> None:
    """Begin, replace or end a trial where the InferenceService asks for something else now."""
    if draft.stable is None:
        return
    wanted = _wanted(draft.stable, facts)
    if wanted is None:
        if draft.canary is not None:
            _end(draft, draft.stable, draft.canary)
    elif draft.canary is None or not _same(draft.canary, wanted, facts):
        _begin(draft, draft.stable, wanted)


def try_again(draft: Draft, actor: str) -> None:
    """Begin anew with the version that was rolled back."""
    if draft.canary is None or draft.stable is None:
        raise ValueError("nothing was rolled back that could be tried again")
    name = sticky_name(draft.stable, draft.canary)
    kept = tuple(other for other in draft.memory.rolled_back if other != name)
    draft.remember(rolled_back=kept)
    _start(draft, draft.canary)
    draft.record("began", f"{draft.canary.version} is tried again", actor=actor)


def _wanted(stable: Side, facts: Facts) -> Side | None:
    """What the spec asks to be tried; None where it asks for what is stable."""
    seen = facts.seen
    newest = seen.newest
    if newest is not None and newest.identity != seen.wanted_identity:
        newest = None  # of an earlier spec: the revision of this one is not made yet
    if seen.wanted_identity != stable.identity:
        return Side(
            revision=newest.name if newest else "",
            version=seen.wanted_version,
            identity=seen.wanted_identity,
        )
    if facts.spec.same_version == "trial" and newest and newest.name != stable.revision:
        return side(newest)
    return None


def _same(canary: Side, wanted: Side, facts: Facts) -> bool:
    if canary.identity != wanted.identity:
        return False
    known = canary.revision and wanted.revision
    return facts.spec.same_version == "follow" or not known or canary.revision == wanted.revision


def _start(draft: Draft, canary: Side) -> None:
    """Weight 0 and nothing known, whatever was before."""
    turn_away(draft)
    draft.canary, draft.weight, draft.step = canary, 0, 0
    draft.verdict, draft.evidence = None, {}
    draft.remember(
        course="waiting",
        clearing=False,
        covered_at=None,
        released=False,
        trial_at=draft.now,
        next_step=1,
        asked_at=None,
        settled_at=None,
        hindered_at=None,
        baseline={},
        baseline_at=None,
        deadline_from=draft.now,
        began_weight=False,
        paused=False,
        paused_by="",
        overdue=False,
        held_since=None,
        manual=False,
        manual_weight=None,
        accepted_hand=None,
        degraded="",
        why="",
    )


def _begin(draft: Draft, stable: Side, wanted: Side) -> None:
    before, had = draft.canary, draft.weight
    replaced = before is not None and draft.memory.course in _UNDER_WAY
    _start(draft, wanted)
    if sticky_name(stable, wanted) in draft.memory.rolled_back:
        why = f"{wanted.version} was rolled back before and is not tried again"
        draft.remember(course="rollingBack", why=why, degraded="RolledBackBefore")
        draft.record("rolledBack", why, reason="RolledBackBefore")
    elif replaced and before is not None:
        draft.record(
            "superseded",
            f"{wanted.version} takes the place of {before.version}, which had {had} % of traffic "
            "and is no longer on trial",
        )
    else:
        draft.record("began", f"{wanted.version} is on trial against {stable.version}")


def _end(draft: Draft, stable: Side, canary: Side) -> None:
    _start(draft, canary)
    draft.canary = None
    draft.remember(course="idle", clearing=True, deadline_from=None)
    draft.record(
        "superseded",
        f"the InferenceService asks for {stable.version} again; {canary.version} is no longer "
        "on trial",
    )

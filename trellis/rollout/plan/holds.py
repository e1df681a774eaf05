"""What keeps a rollout from going on, and the deadline from running."""

from typing import Literal

from trellis.contracts.amounts import seconds
from trellis.contracts.rollout import RolloutSpec
from trellis.rollout.plan.draft import Draft
from trellis.rollout.plan.memory import Memory
from trellis.rollout.plan.turning import begin_rollback
from trellis.rollout.seen import ServiceSeen

Hold = Literal["ManualWeight", "Person", "Spec", "Deadline"]


def hold_in_force(spec: RolloutSpec, memory: Memory) -> Hold | None:
    """The first reason, the one that has to be lifted first."""
    if memory.manual:
        return "ManualWeight"
    if memory.paused:
        return "Person"
    if spec.paused:
        return "Spec"
    return "Deadline" if memory.overdue else None


def keep_time(draft: Draft, spec: RolloutSpec) -> None:
    """Let the deadline stand still while a person, or a refusal, holds the rollout."""
    memory = draft.memory
    on_trial = memory.course in {"waiting", "stepping"}
    held = bool(memory.refused) or hold_in_force(spec, memory) in {"ManualWeight", "Person", "Spec"}
    if on_trial and held:
        if memory.held_since is None:
            draft.remember(held_since=draft.now)
    elif memory.held_since is not None:
        start = memory.deadline_from
        moved = None if start is None else start + draft.now - memory.held_since
        draft.remember(held_since=None, deadline_from=moved)


def check_deadline(draft: Draft, spec: RolloutSpec, seen: ServiceSeen | None) -> None:
    """Hold or roll back, as set, once the deadline has passed."""
    memory = draft.memory
    if memory.course not in {"waiting", "stepping"} or memory.deadline_from is None:
        return
    if memory.refused or hold_in_force(spec, memory) is not None or draft.canary is None:
        return
    if draft.now - memory.deadline_from < seconds(spec.deadline):
        return
    why = f"the deadline of {spec.deadline} passed: {_last_word(draft, seen)}"
    if spec.on_deadline == "rollback":
        begin_rollback(draft, why, reason="Deadline")
    else:
        draft.remember(overdue=True)
        draft.record("paused", why, reason="Deadline")


def _last_word(draft: Draft, seen: ServiceSeen | None) -> str:
    if draft.memory.course == "stepping":
        return draft.verdict.message if draft.verdict else "no evidence came"
    newest = seen.newest if seen else None
    version = draft.canary.version if draft.canary else ""
    if newest is not None and newest.failing:
        return f"{version} cannot start: {newest.failing}"
    return f"{version} is not ready"

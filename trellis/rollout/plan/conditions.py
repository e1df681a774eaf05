"""Conditions, for ``kubectl wait``, printer columns and alerts."""

from datetime import UTC, datetime
from typing import Literal, NamedTuple

from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import Condition, Phase
from trellis.rollout.plan.draft import Draft
from trellis.rollout.plan.holds import hold_in_force
from trellis.rollout.plan.refusals import Refusal
from trellis.rollout.plan.sentences import is_harmed, trouble_with_start
from trellis.rollout.plan.words import clip
from trellis.rollout.seen import ServiceSeen

_UNDER_WAY = {"Waiting", "Progressing", "Promoting", "RollingBack"}

#: What no line of the history says, so that an Event does.
_SAID_HERE = {"CannotStart", "ClusterRefused", "HarmAtManualWeight", "MetricsMissing"}


class State(NamedTuple):
    """A condition as it is now."""

    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""


def conditions_of(
    draft: Draft,
    spec: RolloutSpec,
    seen: ServiceSeen | None,
    refusal: Refusal | None,
    trouble: str,
    phase: Phase,
    message: str,
) -> dict[str, State]:
    """The state of each condition, by type."""
    return {
        "Progressing": State("True" if phase in _UNDER_WAY else "False", phase, message),
        "Promoted": _promoted(draft, seen, refusal, phase),
        "Paused": _paused(draft, spec, phase, message),
        "Degraded": _degraded(draft, seen, refusal, trouble),
        "EvidenceComplete": _evidence(draft),
    }


def renew(
    before: tuple[Condition, ...], states: dict[str, State], now: float, generation: int
) -> tuple[Condition, ...]:
    """The conditions; a transition time moves only with the status."""
    earlier = {condition.type: condition for condition in before}
    stamp = datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    renewed = []
    for kind, state in states.items():
        old = earlier.get(kind)
        same = old is not None and old.status == state.status
        renewed.append(
            Condition(
                type=kind,
                status=state.status,
                reason=state.reason,
                message=clip(state.message, 600),
                last_transition_time=old.last_transition_time if old and same else stamp,
                observed_generation=generation,
            )
        )
    return tuple(renewed)


def announce_changes(draft: Draft, before: tuple[Condition, ...], states: dict[str, State]) -> None:
    """Say in an Event what became bad and stands in no line of the history."""
    reasons = {condition.type: condition.reason for condition in before}
    for kind in ("Degraded", "EvidenceComplete"):
        state = states[kind]
        if state.reason in _SAID_HERE and reasons.get(kind) != state.reason:
            draft.announce("Warning", state.reason, state.message)


def _promoted(
    draft: Draft, seen: ServiceSeen | None, refusal: Refusal | None, phase: Phase
) -> State:
    if refusal is not None or seen is None:
        return State("False", refusal.reason if refusal else "ServiceUnknown")
    if draft.stable is None:
        return State("False", "FirstDeploy", f"{seen.wanted_version} is not ready yet")
    if draft.memory.course not in {"idle", "promoted"}:
        return State("False", phase)
    identity = draft.stable.identity
    share = sum(
        percent
        for name, percent in seen.traffic.items()
        if name in seen.revisions and seen.revisions[name].identity == identity
    )
    reason = "Promoted" if draft.memory.course == "promoted" else "NothingOnTrial"
    message = f"{draft.stable.version} has {share} % of traffic"
    return State("True" if share == 100 else "False", reason, message)


def _paused(draft: Draft, spec: RolloutSpec, phase: Phase, message: str) -> State:
    hold = hold_in_force(spec, draft.memory)
    if phase == "Paused" and hold is not None:
        return State("True", hold, message)
    return State("False", "NotPaused")


def _degraded(
    draft: Draft, seen: ServiceSeen | None, refusal: Refusal | None, trouble: str
) -> State:
    memory = draft.memory
    if refusal is not None:
        return State("True", refusal.reason, refusal.message)
    if memory.manual and is_harmed(draft):
        return State("True", "HarmAtManualWeight", draft.verdict.message if draft.verdict else "")
    if memory.course in {"rollingBack", "rolledBack"}:
        return State("True", memory.degraded or "RolledBack", memory.why)
    if trouble:
        return State("True", "ClusterRefused", trouble)
    failing = trouble_with_start(draft, seen) if seen else ""
    if failing:
        return State("True", "CannotStart", failing)
    return State("False", "AsExpected")


def _evidence(draft: Draft) -> State:
    if draft.memory.course not in {"stepping", "promoting"}:
        return State("Unknown", "NothingOnTrial")
    guardrails = draft.verdict.guardrails if draft.verdict else ()
    blind = [one for one in guardrails if one.state == "blind"]
    if blind:
        return State("False", "MetricsMissing", "; ".join(one.message or one.name for one in blind))
    if not guardrails:
        return State("Unknown", "NoEvidenceYet")
    return State("True", "AllMetrics")

"""One pass of a rollout: what is known and what was, to what is next. No clock, no I/O, no chance."""

from collections.abc import Sequence

from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import Command, GuardrailVerdict, RolloutStatus
from trellis.rollout.plan import conditions, ownership, refusals
from trellis.rollout.plan.carrying_out import carry_out, refuse_all
from trellis.rollout.plan.decision import Decision
from trellis.rollout.plan.draft import Draft, Facts
from trellis.rollout.plan.following import AT_REST, looking, wanted_field, wanted_table
from trellis.rollout.plan.gateways import GatewaysSeen
from trellis.rollout.plan.holds import check_deadline, keep_time
from trellis.rollout.plan.memory import Memory, recall, written
from trellis.rollout.plan.notifying import unsent
from trellis.rollout.plan.phases import phase_of
from trellis.rollout.plan.pressing import is_pressing
from trellis.rollout.plan.refusals import Refusal, refusal_of
from trellis.rollout.plan.sentences import sentence
from trellis.rollout.plan.stages import advance, begin_stages, guard, settle
from trellis.rollout.plan.staleness import is_half, is_stale, unchanged
from trellis.rollout.plan.tracking import track
from trellis.rollout.plan.trials import consider
from trellis.rollout.plan.turning import (
    begin_rollback,
    cover,
    finish_rollback,
    lead_to_tags,
    release,
)
from trellis.rollout.plan.verdicts import judge
from trellis.rollout.seen import ServiceSeen

_TIMES = (
    "asked_at",
    "settled_at",
    "baseline_at",
    "deadline_from",
    "turned_at",
    "hindered_at",
    "held_since",
    "seen_at",
    "covered_at",
)


def decide(
    spec: RolloutSpec,
    status: RolloutStatus,
    seen: ServiceSeen | None,
    evidence: tuple[GuardrailVerdict, ...] | None,
    commands: Sequence[Command],
    now: float,
    gateways: GatewaysSeen,
    *,
    required_requests: int | None = None,
    rival: str | None = None,
    trouble: str = "",
    generation: int = 0,
    notified: int = 0,
) -> Decision:
    """The next status and what follows from it; with the same arguments always the same.

    Asked again and again with the status that came out, and nothing else changed, it comes to rest.

    ``seen`` older than what the last step was decided on (another controller's, that heard of the
    InferenceService sooner) changes nothing, nor does one whose Knative Service is away, except for
    the message. ``evidence`` is what ``status.evidence`` says, the present look included; None where no look
    was taken yet. ``now``: seconds since 1970; a clock that steps back delays, and no more.
    ``required_requests``: of the canary, before ``noHarm`` advances; None while it is not known.
    ``rival``: an older Rollout of the same InferenceService. ``trouble``: what the cluster answered
    to the last change, where it refused. ``notified``: up to which number notifications were sent.

    Raises ``pydantic.ValidationError`` where ``status.plan`` is not the plan's own.
    """
    memory = _awake(recall(status), now, notified)
    if seen is not None and is_stale(memory, seen, now):
        return unchanged(status, memory)
    refusal = refusal_of(spec, seen, rival)
    if refusal is None and seen is not None and is_half(status, seen):
        message = f"the Knative Service of {seen.name} is away: nothing is moved until it is back"
        return unchanged(status, memory, message)
    draft = Draft.of(status, memory, now)
    if refusal is not None or seen is None:
        refusals.note(draft, refusal)
        refuse_all(draft, commands, refusal.message if refusal else "")
    else:
        facts = Facts(spec, seen, evidence, commands, now, gateways, required_requests)
        refusal = _pass(draft, facts)
    keep_time(draft, spec)
    check_deadline(draft, spec, seen)
    return _decision(draft, status, spec, seen, refusal, trouble, generation, gateways)


def _pass(draft: Draft, facts: Facts) -> Refusal | None:
    """The rules in their order; the refusal, where another manager owns the weight."""
    track(draft, facts)
    consider(draft, facts)
    cover(draft, facts.seen)
    owned = ownership.check(draft, facts)
    refusal = Refusal("WeightOwnedElsewhere", owned) if owned else None
    refusals.note(draft, refusal)
    _weigh(draft, facts)
    if refusal is not None:
        refuse_all(draft, facts.commands, refusal.message)
        return refusal
    if not draft.memory.manual:
        guard(draft, facts)
        _stop_harm(draft)
    carry_out(draft, facts)
    if not draft.memory.manual:
        _go_on(draft, facts)
    return None


def _weigh(draft: Draft, facts: Facts) -> None:
    memory = draft.memory
    if memory.course == "stepping" or (memory.course == "promoting" and not memory.released):
        draft.verdict = judge(draft, facts)


def _stop_harm(draft: Draft) -> None:
    """Whatever holds the rollout: harm is not waited with."""
    judged = draft.memory.course == "stepping" or (
        draft.memory.course == "promoting" and not draft.memory.released
    )
    if judged and draft.canary and draft.verdict and draft.verdict.kind == "rollback":
        why = f"{draft.canary.version} was rolled back: {draft.verdict.message}"
        begin_rollback(draft, why, reason="Harm")


def _go_on(draft: Draft, facts: Facts) -> None:
    """One rule moves at most: each begins where the one before it has ended in an earlier pass."""
    course = draft.memory.course
    if course == "waiting":
        begin_stages(draft, facts)
    elif course == "stepping":
        advance(draft, facts)
        settle(draft, facts)
        lead_to_tags(draft, facts)
    elif course in {"promoting", *AT_REST}:
        release(draft, facts)
    elif course == "rollingBack":
        finish_rollback(draft, facts)


def _awake(memory: Memory, now: float, notified: int) -> Memory:
    """The memory with no time in the future: a clock that was ahead must not hold a rollout."""
    ahead = {
        name: now
        for name in _TIMES
        if (moment := getattr(memory, name)) is not None and moment > now
    }
    sent = max(memory.notified, min(notified, memory.recorded))
    return memory.model_copy(update={**ahead, "notified": sent})


def _decision(
    draft: Draft,
    before: RolloutStatus,
    spec: RolloutSpec,
    seen: ServiceSeen | None,
    refusal: Refusal | None,
    trouble: str,
    generation: int,
    gateways: GatewaysSeen,
) -> Decision:
    phase = phase_of(spec, draft.memory)
    message = sentence(draft, spec, seen, refusal, trouble, gateways)
    states = conditions.conditions_of(draft, spec, seen, refusal, trouble, phase, message)
    conditions.announce_changes(draft, before.conditions, states)
    changes = {
        "observed_generation": generation,
        "phase": phase,
        "message": message,
        "stable": draft.stable,
        "canary": draft.canary,
        "step": draft.step,
        "weight": draft.weight,
        "verdict": draft.verdict,
        "history": tuple(draft.history),
        "conditions": conditions.renew(before.conditions, states, draft.now, generation),
        "plan": written(draft.memory),
        "evidence": draft.evidence,
    }
    status = before.model_copy(update=changes)
    pressing = is_pressing(before, status)
    if pressing and seen is not None:
        draft.remember(seen_order=seen.order, seen_at=draft.now)
        status = status.model_copy(update={"plan": written(draft.memory)})
    return Decision(
        status=status,
        field=wanted_field(status),
        table=wanted_table(status),
        look=looking(status, seen),
        pressing=pressing,
        announcements=tuple(draft.announcements),
        notifications=unsent(status, draft.memory),
    )

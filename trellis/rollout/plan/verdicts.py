"""From what the evidence says of each guardrail to what is to be done, and why."""

from trellis.contracts.amounts import seconds
from trellis.contracts.rollout import RolloutSpec, Step
from trellis.contracts.rollout_status import GuardrailVerdict, Verdict, VerdictKind
from trellis.rollout.plan.draft import Draft, Facts
from trellis.rollout.plan.estimates import (
    canary_requests,
    seconds_until_requests,
    seconds_until_within,
    stable_requests,
)
from trellis.rollout.plan.memory import Memory
from trellis.rollout.plan.words import clip, listed, span

_LONGEST = 600
#: Of each side, where what stable does so far leaves no regression to lay the rollout out for: of so
#: many a version that fails 0.3 % fails at least one in 19 of 20 rollouts.
UNPLANNED_REQUESTS = 1_000


def next_step(spec: RolloutSpec, weight: int) -> int | None:
    """The number, from 1, of the first step above ``weight``; None: promotion comes next.

    By weight, so that steps may be edited while a rollout is at one of them.
    """
    above = (number for number, step in enumerate(spec.steps, 1) if step.weight > weight)
    return next(above, None)


def current_step(spec: RolloutSpec, step: int) -> Step:
    """The step of that number; the last one where there are fewer now."""
    return spec.steps[min(max(step, 1), len(spec.steps)) - 1]


def judge(draft: Draft, facts: Facts) -> Verdict:
    """The verdict of this moment. Blindness is never health, and harm comes before all."""
    evidence = facts.evidence or ()
    harmed = tuple(verdict for verdict in evidence if verdict.state == "harm")
    if harmed:
        return _verdict("rollback", _reasons(harmed), evidence)
    blind = tuple(verdict for verdict in evidence if verdict.state == "blind")
    if blind:
        return _verdict("hold", f"nothing is known of {_reasons(blind)}", evidence)
    if not evidence:
        return _verdict("insufficient-evidence", "no evidence yet", evidence)
    if facts.spec.advance == "noHarm":
        return _no_harm(draft, facts, evidence)
    return _non_inferior(draft, facts, evidence)


def minimum_time_left(draft: Draft, facts: Facts) -> float:
    """Seconds for which the step is held still, however good the evidence is."""
    least = seconds(current_step(facts.spec, draft.step).minimum_time)
    settled_at = draft.memory.settled_at
    return least if settled_at is None else max(0.0, settled_at + least - draft.now)


def _non_inferior(draft: Draft, facts: Facts, evidence: tuple[GuardrailVerdict, ...]) -> Verdict:
    open_ones = tuple(verdict for verdict in evidence if verdict.state != "within")
    names = listed(tuple(verdict.name for verdict in open_ones or evidence))
    if not open_ones:
        return _enough(draft, facts, evidence, f"{names} within the margin")
    left = seconds_until_within(facts.spec, draft.memory, evidence, draft.now)
    return _insufficient(draft, facts, evidence, f"not decided yet: {_reasons(open_ones)}", left)


def _no_harm(draft: Draft, facts: Facts, evidence: tuple[GuardrailVerdict, ...]) -> Verdict:
    have, need = canary_requests(facts.spec, evidence), facts.required_requests
    unplanned = ""
    if need is None:
        compared = stable_requests(facts.spec, evidence)
        if not compared:
            message = "how many requests are needed is not known: stable has no requests yet"
            return _insufficient(draft, facts, evidence, message, None)
        unplanned = "no guardrail can be planned (name a negligible share for errors)"
        if compared < UNPLANNED_REQUESTS:
            message = (
                f"{unplanned}, and stable has {compared:,.0f} of the {UNPLANNED_REQUESTS:,} requests "
                "that are compared then"
            )
            return _insufficient(draft, facts, evidence, message, None)
        need = UNPLANNED_REQUESTS
    message = f"no harm in {have:,.0f} of {need:,} requests"
    message = f"{message}; {unplanned}" if unplanned else message
    if have >= need:
        return _enough(draft, facts, evidence, message)
    left = seconds_until_requests(facts.spec, draft.memory, evidence, need, draft.now)
    return _insufficient(draft, facts, evidence, message, left)


def _enough(
    draft: Draft, facts: Facts, evidence: tuple[GuardrailVerdict, ...], message: str
) -> Verdict:
    left = minimum_time_left(draft, facts)
    if left > 0:
        return _verdict(
            "hold", f"{message}; the step's minimum time lasts {span(left)} more", evidence, left
        )
    is_last = next_step(facts.spec, draft.weight) is None
    return _verdict("promote" if is_last else "advance", message, evidence, 0.0)


def _insufficient(
    draft: Draft,
    facts: Facts,
    evidence: tuple[GuardrailVerdict, ...],
    message: str,
    left: float | None,
) -> Verdict:
    if left is None:
        return _verdict("insufficient-evidence", message, evidence)
    left = max(left, minimum_time_left(draft, facts))
    return _verdict(
        "insufficient-evidence", f"{message}; enough in about {span(left)}", evidence, left
    )


def _reasons(verdicts: tuple[GuardrailVerdict, ...]) -> str:
    return "; ".join(verdict.message or verdict.name for verdict in verdicts)


def _verdict(
    kind: VerdictKind,
    message: str,
    evidence: tuple[GuardrailVerdict, ...],
    left: float | None = None,
) -> Verdict:
    return Verdict(
        kind=kind, message=clip(message, _LONGEST), guardrails=evidence, estimated_seconds=left
    )


def stage_baseline_missing(memory: Memory) -> bool:
    """Whether growth cannot be measured yet in this stage."""
    return memory.settled_at is not None and memory.baseline_at is None

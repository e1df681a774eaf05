"""The stages of a rollout: a ready version gets its first weight, a stage begins, the next follows."""

from trellis.contracts.rollout_status import Side, What
from trellis.rollout.plan.draft import Draft, Facts
from trellis.rollout.plan.estimates import baseline
from trellis.rollout.plan.holds import hold_in_force
from trellis.rollout.plan.sides import canary_share, is_canary
from trellis.rollout.plan.turning import begin_promotion, turn_away
from trellis.rollout.plan.verdicts import next_step, stage_baseline_missing
from trellis.rollout.seen import ServiceSeen


def guard(draft: Draft, facts: Facts) -> None:
    """No weight while KServe's ``latest``, the newest *ready* revision, is not the canary.

    The canary waits again, and goes on where it was: the evidence stays valid.
    """
    weighted = draft.memory.course in {"stepping", "promoting"}
    if draft.canary is None or not weighted:
        return
    if is_canary(facts.seen, facts.seen.ready, draft.stable, draft.canary):
        return
    turn_away(draft)
    draft.remember(course="waiting", released=False, next_step=max(draft.step, 1))
    draft.weight, draft.step = 0, 0
    draft.record(
        "weight",
        f"{facts.seen.ready or 'no revision'} is the newest ready one and not of "
        f"{draft.canary.version}, which waits without traffic",
        reason="CanaryNotReady",
    )


def begin_stages(draft: Draft, facts: Facts) -> None:
    """From Waiting to the first step, once the newest revision is the canary, ready and without traffic."""
    if draft.memory.course != "waiting" or draft.canary is None:
        return
    if hold_in_force(facts.spec, draft.memory) is None and is_startable(
        facts.seen, draft.stable, draft.canary
    ):
        number = min(draft.memory.next_step, len(facts.spec.steps))
        what: What = "advanced" if draft.memory.began_weight else "weight"
        enter(draft, facts, number, what, f"{draft.canary.version} is ready")


def is_startable(seen: ServiceSeen, stable: Side | None, canary: Side) -> bool:
    """Whether a weight set now would reach the canary and nobody else."""
    return (
        seen.settled
        and seen.weight == 0
        and is_canary(seen, seen.ready, stable, canary)
        and not is_canary(seen, seen.rolled_out, stable, canary)
        and canary_share(seen, stable, canary) == 0
    )


def enter(
    draft: Draft, facts: Facts, number: int, what: What, why: str, *, actor: str = ""
) -> None:
    """Begin the stage of step ``number``, from 1."""
    memory = draft.memory
    draft.step, draft.weight = number, facts.spec.steps[number - 1].weight
    draft.remember(
        course="stepping",
        next_step=number,
        asked_at=draft.now,
        settled_at=None,
        baseline={},
        baseline_at=None,
        began_weight=True,
        deadline_from=memory.deadline_from if memory.began_weight else draft.now,
    )
    draft.record(
        what,
        f"{draft.weight} % of traffic, step {number} of {len(facts.spec.steps)}: {why}",
        actor=actor,
    )


def settle(draft: Draft, facts: Facts) -> None:
    """Let the stage begin once the traffic shows its weight, and measure growth from there."""
    if draft.memory.course != "stepping" or draft.canary is None:
        return
    share = canary_share(facts.seen, draft.stable, draft.canary)
    if draft.memory.settled_at is None and facts.seen.weight == share == draft.weight:
        draft.remember(settled_at=draft.now)
    elif facts.evidence and stage_baseline_missing(draft.memory):
        draft.remember(baseline=baseline(facts.evidence), baseline_at=draft.now)


def advance(draft: Draft, facts: Facts) -> None:
    """The next step, or promotion from the last, where the verdict says so and nothing holds."""
    verdict = draft.verdict
    if draft.memory.course != "stepping" or draft.memory.settled_at is None or verdict is None:
        return
    if hold_in_force(facts.spec, draft.memory) is not None:
        return
    if verdict.kind in {"advance", "promote"}:
        go_on(draft, facts, "advanced", verdict.message)


def go_on(draft: Draft, facts: Facts, what: What, why: str, *, actor: str = "") -> None:
    """One step further: a stage, or the promotion."""
    number = next_step(facts.spec, draft.weight)
    if number is not None:
        enter(draft, facts, number, what, why, actor=actor)
    else:
        promote(draft, what, why, actor=actor)


def promote(draft: Draft, what: What, why: str, *, actor: str = "") -> None:
    """Begin the promotion, from whichever step."""
    draft.record(what, f"on to all traffic: {why}", reason="Promoting", actor=actor)
    begin_promotion(draft, why)

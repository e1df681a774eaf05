"""Why a rollout is where it is, in words: the last verdict, what is missing, what the deadline does."""

from collections.abc import Iterator

from trellis.contracts.amounts import seconds
from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import GuardrailVerdict, RolloutStatus, RolloutView
from trellis.rollout.cli.remembered import remembered
from trellis.rollout.plan.holds import hold_in_force
from trellis.rollout.plan.memory import Memory
from trellis.rollout.plan.verdicts import current_step, next_step
from trellis.rollout.plan.words import listed, span

_MEANINGS = {
    "advance": "the evidence is enough for the next step",
    "promote": "the evidence is enough for all traffic",
    "rollback": "the evidence shows harm beyond the margin",
    "hold": "nothing is moved for now",
    "insufficient-evidence": "the evidence decides neither for the version nor against it",
}
_HELD = {
    "ManualWeight": "the weight was set by hand: `resume` takes it back",
    "Person": "a person paused it: `resume` goes on",
    "Spec": "spec.paused is true: set it to false",
    "Deadline": "its deadline has passed: `resume` gives it the same time again",
}
#: So much of a sentence tells it from others; a message may be cut.
_TELLING = 40


def explanation(view: RolloutView, now: float) -> Iterator[str]:
    """Paragraphs, each of a line or more; ``now`` in seconds since 1970. Raises ``PlaceError``."""
    status, spec = view.status, view.spec
    memory = remembered(view)
    judged = status.verdict is not None and memory.course != "idle"
    said = _before_verdict(status) if judged else status.message
    yield f"{view.name} is {status.phase}: {said or 'no controller has said why yet'}"
    if judged:
        yield "\n".join(_verdict(status))
    if memory.course in {"waiting", "stepping"}:
        yield "\n".join(_missing(spec, status, memory, now))
        yield _deadline(spec, memory, now)
    elif memory.course == "rolledBack":
        yield "It is not tried again until the version changes, or `trellis rollout retry` asks so."
    elif memory.course == "promoted":
        yield "`trellis rollout abort` goes one step back while the revision before is still there."


def _before_verdict(status: RolloutStatus) -> str:
    """The message without the verdict's own sentences, which follow one by one."""
    verdict = status.verdict.message[:_TELLING] if status.verdict else ""
    before, found, _ = status.message.partition(verdict) if verdict else (status.message, "", "")
    return before.rstrip(" :") if found else status.message


def _verdict(status: RolloutStatus) -> Iterator[str]:
    verdict = status.verdict
    if verdict is None:
        return
    yield f"The last verdict was {verdict.kind}: {_MEANINGS[verdict.kind]}."
    for guardrail in verdict.guardrails:
        yield f"- {_sentence(guardrail)}"


def _sentence(guardrail: GuardrailVerdict) -> str:
    """Its own, which has the numbers; most begin with its name."""
    text = guardrail.message or guardrail.state
    return text if text.startswith(guardrail.name) else f"{guardrail.name}: {text}"


def _missing(spec: RolloutSpec, status: RolloutStatus, memory: Memory, now: float) -> Iterator[str]:
    number = next_step(spec, status.weight)
    target = f"{spec.steps[number - 1].weight} % of traffic" if number else "all traffic"
    yield f"Until {target}:"
    lacks = tuple(_lacks(spec, status, memory, now))
    for lack in lacks or ("nothing is missing; it follows with the next look",):
        yield f"- {lack}"
    estimate = status.verdict.estimated_seconds if status.verdict else None
    if memory.course == "stepping" and lacks:
        about = f"in about {span(estimate)}" if estimate else "it cannot be said when"
        yield f"By what came in so far: {about}."


def _lacks(spec: RolloutSpec, status: RolloutStatus, memory: Memory, now: float) -> Iterator[str]:
    hold = hold_in_force(spec, memory)
    if hold is not None:
        yield _HELD[hold]
    if memory.refused:
        yield f"what stands in the way has to go ({memory.refused})"
    if memory.course == "waiting":
        yield "its newest revision has to be ready"
        return
    if memory.settled_at is None:
        yield f"the traffic has to show {status.weight} %"
    elif (left := memory.settled_at + _least(spec, status) - now) > 0:
        yield f"the step's minimum time lasts {span(left)} more"
    yield from _evidence_lacks(spec, status)


def _least(spec: RolloutSpec, status: RolloutStatus) -> float:
    return seconds(current_step(spec, status.step).minimum_time)


def _evidence_lacks(spec: RolloutSpec, status: RolloutStatus) -> Iterator[str]:
    verdict = status.verdict
    if verdict is None or not verdict.guardrails:
        yield "no evidence came yet"
        return
    blind = tuple(one.name for one in verdict.guardrails if one.state == "blind")
    if blind:
        yield f"{listed(blind)} must be seen again: a missing metric is never read as health"
    undecided = tuple(one.name for one in verdict.guardrails if one.state == "undecided")
    if spec.advance == "noHarm":
        if verdict.kind == "insufficient-evidence":
            yield verdict.message
    elif undecided:
        yield f"{listed(undecided)} must be shown to lie within the margin"


def _deadline(spec: RolloutSpec, memory: Memory, now: float) -> str:
    what = "rolled back" if spec.on_deadline == "rollback" else "held where it is"
    if memory.overdue:
        return f"The deadline of {spec.deadline} has passed; it is {what}."
    if memory.deadline_from is None:
        return f"The deadline of {spec.deadline} begins with the version; then it is {what}."
    if memory.held_since is not None:
        left = memory.deadline_from + seconds(spec.deadline) - memory.held_since
        return f"The deadline stands still while it is held, with {span(left)} left; then it is {what}."
    left = memory.deadline_from + seconds(spec.deadline) - now
    return f"The deadline of {spec.deadline} passes in {span(left)}; without a decision until then it is {what}."

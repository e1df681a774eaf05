"""The status of an experiment after a pass, and what is new in it, pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trellis.contracts.experiment_resource import ExperimentPhase, ExperimentResourceStatus
from trellis.rollout.events.store import News
from trellis.rollout.experiments.course import Course, Facts
from trellis.rollout.experiments.evidence import ExperimentEvidence
from trellis.rollout.experiments.memory import Happened, Memory, noticed, written
from trellis.rollout.experiments.verdict import judge
from trellis.rollout.plan import Announcement
from trellis.rollout.plan.conditions import State, renew

#: Of what is counted from now on.
NOTHING_NEW = News((), {}, 0, 0)


@dataclass(frozen=True)
class Report:
    """``pressing`` is false where only numbers and words changed, which may be written later."""

    status: ExperimentResourceStatus
    memory: Memory
    pressing: bool
    announcements: tuple[Announcement, ...]


def last_news(status: ExperimentResourceStatus) -> News:
    """What a status has of the numbers that events tell, where they cannot be read."""
    met = {arm.version: arm.exposures for arm in status.arms}
    passed_over = status.incomplete and not status.dropped + status.unjoined
    return News((), met, status.dropped, status.unjoined, passed_over)


def report(
    facts: Facts,
    course: Course,
    news: News,
    before: ExperimentResourceStatus,
    had: ExperimentEvidence | None,
    generation: int,
) -> Report:
    """``before`` is the status so far and ``had`` the evidence that it was made of."""
    judged = judge(course.evidence, news, *_table(course.memory))
    phase: ExperimentPhase = course.obstacle.phase if course.obstacle else judged.phase
    message = _message(facts, course, judged)
    said = _announcements(course, phase, message, before, had)
    memory = course.memory
    for what, text in said:
        memory = noticed(memory, what, text.message, facts.now)
    conditions = renew(
        before.conditions,
        _conditions(facts, course, judged, message),
        facts.now,
        generation,
    )
    status = judged.model_copy(
        update={
            "phase": phase,
            "message": message,
            "conditions": conditions,
            "observed_generation": generation,
            "trace": () if course.began else before.trace,
            "plan": written(memory),
            "evidence": course.evidence.to_state() if course.known else before.evidence,
        }
    )
    pressing = _essence(status) != _essence(before)
    return Report(status, memory, pressing, tuple(text for _, text in said))


def refused(
    before: ExperimentResourceStatus, memory: Memory, sentence: str, now: float, generation: int
) -> Report:
    """Of a spec that cannot be read: nothing is assigned, and what is known stays."""
    idle = memory.idle_since if memory.idle_since is not None else now
    released = {"assigned": None, "idle_since": idle if memory.identity else None}
    memory = memory.model_copy(update=released)
    said: tuple[Announcement, ...] = ()
    if (before.phase, before.message) != ("Refused", sentence):
        said = (Announcement("Warning", "Refused", sentence),)
        memory = noticed(memory, "refused", sentence, now)
    kept = {
        condition.type: State(condition.status, condition.reason, condition.message)
        for condition in before.conditions
    }
    kept["Ready"] = State("False", "Refused", sentence)
    status = before.model_copy(
        update={
            "phase": "Refused",
            "message": sentence,
            "conditions": renew(before.conditions, kept, now, generation),
            "observed_generation": generation,
            "plan": written(memory),
        }
    )
    return Report(status, memory, bool(said), said)


def _table(memory: Memory) -> tuple[dict[str, str], dict[str, float]]:
    """Revisions and weights, by version, as the table is to have them."""
    if memory.assigned is None:
        return {}, {}
    return memory.assigned.revisions, memory.assigned.weights


def _message(facts: Facts, course: Course, judged: ExperimentResourceStatus) -> str:
    if course.obstacle is None:
        parts = [judged.message, _late(facts)]
    else:
        known = any(arm.ripe for arm in judged.arms)
        parts = [course.obstacle.message, *([judged.message] if known else [])]
    if facts.trouble and (course.obstacle is None or course.obstacle.reason != "EventsUnreadable"):
        parts.append(f"Nothing is decided meanwhile: {facts.trouble}.")
    return " ".join(filter(None, parts))


def _late(facts: Facts) -> str:
    """Which arms are not ready although units are assigned to them."""
    late = [arm for arm in facts.arms.values() if not arm.ready]
    return " ".join(f"{arm.version} is not ready: {arm.why}." for arm in late)


def _conditions(
    facts: Facts,
    course: Course,
    judged: ExperimentResourceStatus,
    message: str,
) -> dict[str, State]:
    evidence = course.evidence
    ready = State("True", "UnitsAssigned", message)
    if course.obstacle is not None:
        ready = State("False", course.obstacle.reason, course.obstacle.message)
    elif late := _late(facts):
        ready = State("False", "ArmNotReady", late)
    halted = State("False", "NoHarm")
    if evidence.halted:
        reason, _, why = evidence.halted.partition(": ")
        halted = State("True", reason, why)
    decided = State("False", "NoWinnerYet")
    if evidence.winner:
        decided = State("True", "Winner", judged.message)
    return {
        "Ready": ready,
        "Decided": decided,
        "Halted": halted,
        "EvidenceIncomplete": _incomplete(facts, course, judged),
    }


def _incomplete(facts: Facts, course: Course, judged: ExperimentResourceStatus) -> State:
    if judged.incomplete:
        return State("True", "EventsLost", judged.message)
    if facts.trouble and course.memory.identity:
        return State("Unknown", "EventsUnreadable", facts.trouble)
    return State("False", "AllEvents")


def _announcements(
    course: Course,
    phase: ExperimentPhase,
    message: str,
    before: ExperimentResourceStatus,
    had: ExperimentEvidence | None,
) -> Sequence[tuple[Happened, Announcement]]:
    """What is said once: that it began, who won, what halted it, and that it is held up."""
    said: list[tuple[Happened, Announcement]] = []
    if course.began == "EvidenceLost":
        lost = "What was counted is gone or cannot be read: the evidence begins anew."
        said.append(("began", Announcement("Warning", "EvidenceLost", lost)))
    elif course.began:
        versions = ", ".join(arm.version for arm in course.evidence.spec.arms)
        said.append(("began", Announcement("Normal", "Began", f"Units are assigned: {versions}.")))
    halted, winner = (had.halted, had.winner) if had and not course.began else ("", None)
    if course.evidence.winner and not winner:
        said.append(("decided", Announcement("Normal", "Decided", message)))
    if course.evidence.halted and not halted:
        said.append(("halted", Announcement("Warning", "Halted", message)))
    if phase == "Refused" and before.phase != "Refused":
        said.append(("refused", Announcement("Warning", "Refused", message)))
    if phase == "Stopped" and before.phase != "Stopped":
        said.append(("stopped", Announcement("Normal", "Stopped", message)))
    return said


def _essence(status: ExperimentResourceStatus) -> Any:
    """What is written at once when it changes."""
    # Of notices too, since another controller tells of one that stays.
    states = [(one.type, one.status, one.reason) for one in status.conditions]
    hindered = [
        one.message for one in status.conditions if one.type == "Ready" and one.status == "False"
    ]
    return status.phase, status.winner, status.observed_generation, status.plan, states, hindered

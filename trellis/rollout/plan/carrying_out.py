"""Commands of people: each once, each answered by a line of the history."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from trellis.contracts.rollout_status import Command
from trellis.rollout.plan.draft import Draft, Facts
from trellis.rollout.plan.holds import hold_in_force
from trellis.rollout.plan.memory import MOST_COMMANDS
from trellis.rollout.plan.ownership import take_over
from trellis.rollout.plan.sides import is_canary
from trellis.rollout.plan.stages import go_on, is_startable, promote
from trellis.rollout.plan.trials import try_again
from trellis.rollout.plan.turning import begin_rollback

_ON_TRIAL = {"waiting", "stepping"}


def carry_out(draft: Draft, facts: Facts) -> None:
    """Carry out those that were not yet."""
    for command in _new(draft, facts.commands):
        problem = _mismatch(draft, command) or _DOERS[command.do](draft, facts, command)
        if problem:
            _refuse(draft, command, problem)
        _cross_off(draft, command, facts.commands)


def refuse_all(draft: Draft, commands: Sequence[Command], problem: str) -> None:
    """Refuse those that were not carried out yet: they shall not wait for a better moment."""
    for command in _new(draft, commands):
        _refuse(draft, command, problem)
        _cross_off(draft, command, commands)


def _new(draft: Draft, commands: Sequence[Command]) -> Iterator[Command]:
    return (command for command in commands if command.id not in draft.memory.carried_out)


def _refuse(draft: Draft, command: Command, problem: str) -> None:
    draft.record(
        "refused", f"{command.do}: {problem}", reason="CommandRefused", actor=command.actor
    )


def _cross_off(draft: Draft, command: Command, commands: Sequence[Command]) -> None:
    """Ids that are still asked for are kept whatever their number, else they would run again."""
    asked = {other.id for other in commands}
    done = (*draft.memory.carried_out, command.id)
    newest = set(done[-MOST_COMMANDS:])
    draft.remember(carried_out=tuple(one for one in done if one in asked or one in newest))


def _mismatch(draft: Draft, command: Command) -> str:
    side = draft.canary or draft.stable
    if not command.version or (side is not None and side.version == command.version):
        return ""
    present = f"{side.version} is what this rollout is about" if side else "there is no version yet"
    return f"it is meant for {command.version}, and {present}"


def _pause(draft: Draft, _facts: Facts, command: Command) -> str:
    if draft.memory.course not in _ON_TRIAL:
        return _nothing(draft)
    if draft.memory.paused:
        return "it is paused already"
    draft.remember(paused=True, paused_by=command.actor)
    draft.record("paused", f"held at {draft.weight} % of traffic", actor=command.actor)
    return ""


def _resume(draft: Draft, facts: Facts, command: Command) -> str:
    hold = hold_in_force(facts.spec, draft.memory)
    if hold == "Spec":
        return "spec.paused is true; set it to false"
    if hold is None:
        return "it is not paused"
    if hold == "ManualWeight":
        take_over(draft, facts)
    elif hold == "Deadline":
        draft.remember(overdue=False, deadline_from=draft.now)
    else:
        draft.remember(paused=False, paused_by="", overdue=False)
    draft.record("resumed", f"it was held: {hold}", actor=command.actor)
    return ""


def _skip(draft: Draft, facts: Facts, command: Command) -> str:
    if draft.memory.course != "stepping":
        return _nothing(draft)
    if draft.memory.manual:
        return "the weight was set by hand; resume first"
    go_on(draft, facts, "skipped", "the rest of the step was skipped", actor=command.actor)
    return ""


def _promote(draft: Draft, facts: Facts, command: Command) -> str:
    if draft.memory.course not in _ON_TRIAL or draft.canary is None:
        return _nothing(draft)
    seen = facts.seen
    ready = is_canary(seen, seen.ready, draft.stable, draft.canary)
    if draft.memory.course == "waiting" and not (
        ready and (draft.memory.manual or is_startable(seen, draft.stable, draft.canary))
    ):
        return f"{draft.canary.version} is not ready"
    if draft.memory.manual:
        take_over(draft, facts)
    promote(draft, "advanced", "it was asked for", actor=command.actor)
    return ""


def _abort(draft: Draft, facts: Facts, command: Command) -> str:
    course = draft.memory.course
    if course == "promoted" and draft.canary is None:
        problem = _step_back(draft, facts)
        if problem:
            return problem
    elif course not in _ON_TRIAL and course != "promoting":
        return _nothing(draft)
    if draft.memory.manual:
        take_over(draft, facts)
    version = draft.canary.version if draft.canary else ""
    why = f"{version} was aborted" + (f" by {command.actor}" if command.actor else "")
    begin_rollback(draft, why, reason="Aborted", what="aborted", actor=command.actor)
    return ""


def _step_back(draft: Draft, facts: Facts) -> str:
    """Put the promoted version on trial again: KServe can step back once."""
    previous, seen = draft.memory.previous, facts.seen
    if previous is None or previous.revision not in seen.revisions:
        return "the version before it is gone; ask for it in the InferenceService"
    if not seen.settled or seen.created != seen.rolled_out:
        return "a newer revision is not ready; KServe could not step back"
    draft.canary, draft.stable = draft.stable, previous
    draft.remember(previous=None)
    return ""


def _retry(draft: Draft, _facts: Facts, command: Command) -> str:
    if draft.memory.course != "rolledBack":
        return _nothing(draft)
    try_again(draft, command.actor)
    return ""


def _nothing(draft: Draft) -> str:
    return {
        "idle": "nothing is on trial",
        "promoted": "nothing is on trial",
        "waiting": "the version is not ready",
        "stepping": "the version is on trial",
        "promoting": "the promotion is under way; abort would end it",
        "rollingBack": "the rollback is under way",
        "rolledBack": "the version was rolled back; retry would try it again",
    }[draft.memory.course]


_DOERS: Mapping[str, Callable[[Draft, Facts, Command], str]] = {
    "pause": _pause,
    "resume": _resume,
    "skip": _skip,
    "promote": _promote,
    "abort": _abort,
    "retry": _retry,
}

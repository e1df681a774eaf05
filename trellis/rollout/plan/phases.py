"""What a person sees of where a rollout is: its course, and what holds it."""

from collections.abc import Mapping

from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import Phase
from trellis.rollout.plan.holds import hold_in_force
from trellis.rollout.plan.memory import Course, Memory

_PHASES: Mapping[Course, Phase] = {
    "idle": "Idle",
    "waiting": "Waiting",
    "stepping": "Progressing",
    "promoting": "Promoting",
    "promoted": "Promoted",
    "rollingBack": "RollingBack",
    "rolledBack": "RolledBack",
}


def phase_of(spec: RolloutSpec, memory: Memory) -> Phase:
    """The phase."""
    if memory.refused:
        return "Refused"
    if memory.manual:
        return "Paused"
    if memory.clearing:
        return "Waiting"
    on_trial = memory.course in {"waiting", "stepping"}
    if on_trial and hold_in_force(spec, memory) is not None:
        return "Paused"
    return _PHASES[memory.course]

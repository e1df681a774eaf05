"""What an experiment is to do next, pure: what was found and what is known, to what is counted and
assigned from here on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from trellis.contracts.amounts import seconds
from trellis.contracts.experiment_resource import ExperimentPhase, ExperimentSpec
from trellis.rollout.events.watch import Watch
from trellis.rollout.experiments.assignment import AssignedArm, Assignment
from trellis.rollout.experiments.epochs import Epoch, first_epoch, next_epoch
from trellis.rollout.experiments.evidence import ExperimentEvidence
from trellis.rollout.experiments.memory import Memory, digest_of
from trellis.rollout.experiments.ports import ArmSeen
from trellis.rollout.experiments.watching import watch_of

#: Seconds after the last window's end at which nothing more can ripen: what readers wait, and some.
RIPE_SECONDS = 60.0


@dataclass(frozen=True)
class Facts:
    """What a pass found. ``trouble`` is why events cannot be counted now, ``lost`` says that what was
    counted before is gone; ``now`` in seconds since 1970.
    """

    namespace: str
    name: str
    spec: ExperimentSpec
    arms: Mapping[str, ArmSeen]
    objection: str
    now: float
    trouble: str = ""
    lost: bool = False


class Obstacle(NamedTuple):
    """Why no unit is assigned."""

    phase: ExperimentPhase
    reason: str
    message: str


@dataclass(frozen=True)
class Course:
    """``watch`` is what must be counted before any table has what ``memory`` assigns; its era follows
    from what is counted already. ``began`` says that the evidence is empty, and why. Where ``known`` is
    false it is empty only since nothing was begun for this spec yet: what is stored stays as it is, and
    what is counted under ``memory.identity`` is not of it.
    """

    memory: Memory
    evidence: ExperimentEvidence
    obstacle: Obstacle | None
    watch: Watch | None = None
    began: Literal["", "Began", "EvidenceLost"] = ""
    known: bool = True


def course(facts: Facts, memory: Memory, known: ExperimentEvidence | None) -> Course:
    """The next one. ``known`` is the evidence so far, None where there is none of this spec."""
    evidence = known or ExperimentEvidence.start(facts.spec)
    obstacle = _obstacle(facts, memory)
    if obstacle is None and facts.trouble and memory.assigned is None:
        said = f"Waits until units can be counted: {facts.trouble}."
        obstacle = Obstacle("Waiting", "EventsUnreadable", said)
    if obstacle is not None:
        released = _released(facts, memory, known)
        return Course(released, evidence, obstacle, known=known is not None)
    if facts.trouble:
        return Course(memory, evidence, None, known=known is not None)  # held as it is
    why = _anew(facts, memory, known)
    if why:
        memory, evidence = _begun(facts, memory), ExperimentEvidence.start(facts.spec)
    memory = _assigned(facts, memory, evidence)
    watch = None if evidence.halted else _watch(facts, memory)
    return Course(memory, evidence, None, watch, why)


def _obstacle(facts: Facts, memory: Memory) -> Obstacle | None:
    if not facts.spec.enabled:
        return Obstacle("Stopped", "Disabled", "Not enabled: no unit is assigned.")
    if facts.objection:
        return Obstacle("Refused", "Refused", f"{facts.objection.removesuffix('.')}.")
    # Units that are on an arm stay when it fails; those of another question come to ready arms only.
    begins = memory.assigned is None or memory.comparing != digest_of(facts.spec)
    for arm in facts.spec.arms:
        seen = facts.arms[arm.version]
        if not seen.revision or (begins and not seen.ready):
            return Obstacle("Waiting", "ArmNotReady", f"Waits for {arm.version}: {seen.why}.")
    return _confusion(facts)


def _confusion(facts: Facts) -> Obstacle | None:
    """Two arms that the table could not tell apart."""
    versions: dict[str, str] = {}
    for arm in facts.spec.arms:
        revision = facts.arms[arm.version].revision
        other = versions.setdefault(revision, arm.version)
        if other != arm.version:
            said = f"{other} and {arm.version} are both {revision}: give each arm its own revision."
            return Obstacle("Refused", "ArmsAlike", said)
    return None


def _released(facts: Facts, memory: Memory, known: ExperimentEvidence | None) -> Memory:
    """Nothing is assigned; what was is counted until it has ripened."""
    since = facts.now if memory.idle_since is None else memory.idle_since
    over = facts.now - since > seconds(facts.spec.attribution_window) + RIPE_SECONDS
    identity = "" if over else memory.identity
    halted = known is not None and bool(known.halted)
    return memory.model_copy(
        update={
            "assigned": None,
            "identity": identity,
            "idle_since": since if identity else None,
            "disabled": memory.disabled or (halted and not facts.spec.enabled),
        }
    )


def _anew(
    facts: Facts, memory: Memory, known: ExperimentEvidence | None
) -> Literal["", "Began", "EvidenceLost"]:
    """Whether evidence begins empty, and why."""
    if memory.comparing != digest_of(facts.spec):
        return "Began"
    if known is not None and known.halted:  # stands, whatever became of the counts it was made of
        return "Began" if memory.disabled else ""
    if not memory.identity:
        return "Began"
    return "EvidenceLost" if known is None or facts.lost else ""


def _begun(facts: Facts, memory: Memory) -> Memory:
    return Memory(
        identity=f"experiment/{facts.namespace}/{facts.name}/{facts.now:.3f}",
        comparing=digest_of(facts.spec),
        notices=memory.notices,
        recorded=memory.recorded,
    )


def _assigned(facts: Facts, memory: Memory, evidence: ExperimentEvidence) -> Memory:
    spec = facts.spec
    epoch = _epoch(facts, memory, evidence)
    whole = sum(arm.weight for arm in spec.arms)
    weights = {arm.version: arm.weight / whole for arm in spec.arms}
    if epoch is not None:
        weights = dict(epoch.weights)
    if evidence.halted:
        weights = dict.fromkeys(weights, 0.0) | {spec.arms[0].version: 1.0}
    arms = []
    for arm in spec.arms:
        seen = facts.arms[arm.version]
        revision, service = _place(memory, seen)
        weight = min(1.0, weights[arm.version])
        arms.append(
            AssignedArm(version=arm.version, revision=revision, service=service, weight=weight)
        )
    assignment = Assignment(
        experiment=facts.name,
        model=spec.model,
        strategy=spec.strategy,
        attribution_window=seconds(spec.attribution_window),
        arms=tuple(arms),
    )
    changed = {"assigned": assignment, "epoch": epoch, "idle_since": None}
    return memory.model_copy(update=changed)


def _place(memory: Memory, seen: ArmSeen) -> tuple[str, str]:
    """Where an arm is met: another revision of its version only once that is ready."""
    before = memory.assigned.arms if memory.assigned else ()
    for arm in before:
        if arm.version == seen.version and not seen.ready:
            return arm.revision, arm.service
    return seen.revision, seen.service


def _epoch(facts: Facts, memory: Memory, evidence: ExperimentEvidence) -> Epoch | None:
    if facts.spec.strategy != "weighted":
        return None
    if memory.epoch is None:
        return first_epoch(facts.spec, facts.now)
    if evidence.halted:
        return memory.epoch
    return next_epoch(facts.name, facts.spec, memory.epoch, evidence, facts.now)


def _watch(facts: Facts, memory: Memory) -> Watch | None:
    assignment = memory.assigned
    if assignment is None:
        return None
    sides = {arm.revision: arm.version for arm in assignment.arms}
    shares = assignment.shares
    return watch_of(memory.identity, facts.name, facts.spec, sides, shares, era=0)

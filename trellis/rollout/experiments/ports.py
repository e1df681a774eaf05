"""What a pass of an Experiment reads and writes, whatever carries it out: a cluster or a local run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from trellis.contracts.experiment_resource import ExperimentResourceStatus, ExperimentSpec
from trellis.rollout.cluster.facts import Key
from trellis.rollout.experiments.assignment import Assignment
from trellis.rollout.plan import Announcement


@dataclass(frozen=True, slots=True)
class ExperimentFound:
    """An Experiment as it was read; ``token`` is another after each write, ``spec`` and ``raw_status``
    are JSON.
    """

    key: Key
    uid: str
    token: str
    generation: int
    created: str
    deleting: bool
    spec: bytes
    raw_status: bytes

    def parsed_spec(self) -> ExperimentSpec:
        """Raises ``pydantic.ValidationError`` where a rule is broken that the CRD does not hold."""
        return ExperimentSpec.model_validate_json(self.spec)

    def parsed_status(self) -> ExperimentResourceStatus:
        """An empty one where there is none.

        Raises ``pydantic.ValidationError`` where another kind of controller wrote it.
        """
        return ExperimentResourceStatus.model_validate_json(self.raw_status)


@dataclass(frozen=True, slots=True)
class ArmSeen:
    """One arm as it is now.

    ``revision`` is the name that the routing table's arm has; empty where the table could name none,
    since nothing serves the version. ``why`` is the sentence for one that is not ready.
    """

    version: str
    revision: str
    service: str
    ready: bool
    why: str = ""


class ExperimentWorld(Protocol):
    """What a pass reads."""

    def experiment(self, key: Key) -> ExperimentFound | None:
        """The Experiment, as it was heard of last."""
        ...

    def arms(self, found: ExperimentFound, spec: ExperimentSpec) -> Mapping[str, ArmSeen]:
        """Every arm of the spec, by version."""
        ...

    def objection(self, found: ExperimentFound, spec: ExperimentSpec) -> str:
        """A sentence where the experiment cannot be carried out until somebody changes something:
        another enabled Experiment or a Rollout holds the model, two arms cannot be told apart; else
        empty.
        """
        ...


class ExperimentVoice(Protocol):
    """What a pass writes."""

    async def write(
        self, found: ExperimentFound, status: ExperimentResourceStatus
    ) -> ExperimentFound:
        """The Experiment with its new status. Raises ``Conflict`` where it has changed."""
        ...

    async def announce(self, found: ExperimentFound, said: Announcement) -> None:
        """Say it in an Event; one that is lost is lost."""
        ...


class Assignments(Protocol):
    """Who owns the routing table."""

    async def follow(self, key: Key, assignment: Assignment | None) -> None:
        """Have the table do what a written status asks for; none where nothing is assigned.

        Asked again at every pass, and the same again changes nothing.
        """
        ...

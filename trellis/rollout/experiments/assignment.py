"""What the routing table is to do for an experiment, from its status alone, pure.

A pass has units of these shares counted first, writes them into the status, and only then does a table
have them: whoever compiles one takes them from the status and from nowhere else. While an
experiment is halted it stays in the table, with all units on its first arm: exposures and what comes
of them are recorded as before, and its salt still holds each unit's place.
"""

from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from trellis.contracts.experiment_resource import ExperimentResourceStatus
from trellis.contracts.routing_table import WireDocument


class AssignedArm(WireDocument):
    """``revision`` is the table's name of it, ``service`` the InferenceService; one with the weight 0
    gets no unit and can be asked for by version, while it is there.
    """

    version: str
    revision: str
    service: str
    weight: float = Field(ge=0, le=1)


class Assignment(WireDocument):
    """Units of ``model`` among ``arms``, the first of which is the one that the others are held
    against. Weights sum to 1; ``attribution_window`` is in seconds.
    """

    experiment: str
    model: str
    strategy: Literal["hash", "random", "weighted"]
    attribution_window: float = Field(gt=0)
    arms: tuple[AssignedArm, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [arm.revision for arm in self.arms]
        if len(set(names)) != len(names):
            raise ValueError(f"arms: each revision once; {names} came")
        return self

    @property
    def weights(self) -> dict[str, float]:
        """By version."""
        return {arm.version: arm.weight for arm in self.arms}

    @property
    def shares(self) -> dict[str, float]:
        """By revision."""
        return {arm.revision: arm.weight for arm in self.arms}

    @property
    def revisions(self) -> dict[str, str]:
        """By version."""
        return {arm.version: arm.revision for arm in self.arms}


def assignment_of(status: ExperimentResourceStatus) -> Assignment | None:
    """None of one that is stopped, refused or waits, and where the status is another controller's."""
    assigned = status.plan.get("assigned")
    try:
        return Assignment.model_validate(assigned) if assigned else None
    except ValidationError:
        return None

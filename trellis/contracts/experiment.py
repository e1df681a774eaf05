"""An experiment as people set it, and what is known of it so far."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from trellis.contracts.routing_table import MOST_WINDOW_SECONDS, WireDocument
from trellis.contracts.tensors import Name

#: Bounded, so that sums of weights stay numbers.
Weight = Annotated[float, Field(ge=0, le=1e6)]


class ExperimentArm(WireDocument):
    """One version that takes part."""

    version: Name
    weight: Weight = Field(description="share of units, as a part of the sum of all weights")


class Experiment(WireDocument):
    """``PUT /experiments/{name}``; the name is in the path."""

    model: Name
    arms: tuple[ExperimentArm, ...] = Field(min_length=2)
    strategy: Literal["hash", "random", "weighted"] = "hash"
    enabled: bool = True
    attribution_window: float = Field(
        7 * 86400.0,
        gt=0,
        le=MOST_WINDOW_SECONDS,
        description="seconds in which an outcome still counts, at most a year",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        versions = [arm.version for arm in self.arms]
        if len(set(versions)) != len(versions):
            msg = f"arms: versions repeat: {', '.join(versions)}"
            raise ValueError(msg)
        if not sum(arm.weight for arm in self.arms) > 0:
            msg = "arms: the weights sum to 0; at least one must be more"
            raise ValueError(msg)
        return self


class ArmStatus(WireDocument):
    """What one arm met so far; requests that asked for a version are not counted.

    Shares are of all exposures, old and new, as they came: they are not evidence, which is sound
    however often one looks, while an interval of this kind is not.
    """

    arm: str = Field(description="the revision that units were assigned to")
    version: str | None = Field(description="its version; null where it never served itself")
    weight: float = Field(ge=0, le=1, description="share of units now")
    exposures: int = 0
    units: int = Field(0, description="different units, to about 1 %")
    errors: int = Field(0, description="exposures whose answer was a 5xx")
    labels: int = Field(0, description="labels that came back")
    scores: int = Field(0, description="scores that came back")
    mean_score: float | None = None
    conversions: int = Field(0, description="conversions that came back true")
    conversion_rate: float | None = Field(None, description="conversions by exposures")
    conversion_wilson95: tuple[float, float] | None = Field(
        None, description="Wilson's 95 % interval of that rate, as if exposures were independent"
    )


class ExperimentStatus(WireDocument):
    """``GET /experiments/{name}/status``."""

    experiment: str
    models: tuple[str, ...] = Field(description="those whose route names the experiment now")
    arms: tuple[ArmStatus, ...] = ()
    incomplete: bool = Field(
        False, description="exposures or outcomes are missing: EvidenceIncomplete"
    )
    dropped: int = Field(0, description="exposures that were not stored")
    unjoined: int = Field(0, description="exposures that are stored but can get no feedback")

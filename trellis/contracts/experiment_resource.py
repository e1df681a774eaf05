"""An experiment in a cluster: ``spec`` and ``status`` of ``Experiment``, ``trellis.dev/v1alpha1``.

The first arm is the one that the others are compared with. As with ``Rollout``, each rule that
binds fields to each other stands here and, for the API server, in ``trellis.rollout.crds``.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from trellis.contracts.amounts import Duration, Share, duration, seconds, share
from trellis.contracts.experiment import Experiment, Weight
from trellis.contracts.experiment import ExperimentArm as HttpArm
from trellis.contracts.rollout import Guardrail
from trellis.contracts.rollout_status import Condition, GuardrailVerdict
from trellis.contracts.routing_table import MOST_WINDOW_SECONDS, WireDocument
from trellis.contracts.tensors import Name

#: What a gateway's events say of an arm; pods and their restarts belong to no arm alone.
ARM_METRICS = frozenset(
    ("errors", "latency", "meanLatency", "conversions", "wrongLabels", "scores")
)

#: Epochs in a window of attribution at most, for ``weighted``: an epoch's tallies are kept open until its
#: outcomes came, and beyond (``trellis.rollout.events.blocks``) the oldest are closed without them.
MOST_EPOCHS = 900

#: As ``Name``, with the length beside the pattern: what the API server estimates a rule's cost by.
BoundedName = Annotated[Name, Field(max_length=63)]


class Goal(WireDocument):
    """What the arms are compared by."""

    kind: Literal["conversion", "score", "label"] = Field(
        "conversion",
        description="share of units that convert; mean of the scores; share of right labels",
    )
    better: Literal["higher", "lower"] = Field("higher", description="of label always higher")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.kind == "label" and self.better == "lower":
            raise ValueError("better: of label it is higher, the share of right ones; lower came")
        return self


class Arm(WireDocument):
    """One version that takes part."""

    version: BoundedName
    inference_service: BoundedName | None = Field(
        None, description="which serves it; the one of the model's name where it is left out"
    )
    weight: Weight = Field(1.0, description="share of units, as a part of the sum of all weights")


class ExperimentSpec(WireDocument):
    """``spec`` of an ``Experiment``."""

    model: BoundedName = Field(description="that clients ask for; cannot be changed")
    arms: tuple[Arm, ...] = Field(min_length=2, max_length=10)
    strategy: Literal["hash", "random", "weighted"] = Field(
        "hash",
        description="hash: a unit stays with its arm; random: each request anew; weighted: as hash, "
        "with weights that follow the evidence in epochs",
    )
    unit: Literal["any", "returning"] = Field(
        "any",
        description="whose exposures count: any caller's, or only of those known by header, cookie "
        "or key",
    )
    goal: Goal = Goal()
    attribution_window: Duration = Field("7d", description="how long an outcome still counts")
    alpha: float = Field(
        0.05, gt=0, le=0.5, description="largest probability of a winner that is not better"
    )
    guardrails: tuple[Guardrail, ...] = Field(
        (), max_length=10, description="of each arm against the first; harm halts the experiment"
    )
    minimum_share: Share = Field("5%", description="weighted only: what every arm keeps")
    epoch: Duration = Field(
        "1h",
        description="weighted only: how long weights stay as they are; at least a 900th of each window",
    )
    enabled: bool = True

    @model_validator(mode="after")
    def _check(self) -> Self:
        versions = [arm.version for arm in self.arms]
        if len(set(versions)) != len(versions):
            raise ValueError(f"arms: each version once; {versions} came")
        if not sum(arm.weight for arm in self.arms) > 0:
            raise ValueError("arms: the weights sum to 0; at least one must be more")
        window = seconds(self.attribution_window)
        if not 0 < window <= MOST_WINDOW_SECONDS:
            raise ValueError("attributionWindow must be over 0 s and at most a year")
        names = [guardrail.name for guardrail in self.guardrails]
        if len(set(names)) != len(names):
            raise ValueError(f"guardrails: each once; {names} came")
        if strange := {guardrail.metric for guardrail in self.guardrails} - ARM_METRICS:
            raise ValueError(f"guardrails: {sorted(strange)} cannot be told apart by arm")
        if self.strategy == "weighted":
            self._check_weighted()
        return self

    def _check_weighted(self) -> None:
        floor = share(self.minimum_share)
        if not 0 < floor * len(self.arms) <= 1:
            raise ValueError(
                f"minimumShare: over 0% and at most {100 / len(self.arms):g}% with"
                f" {len(self.arms)} arms; {self.minimum_share} came"
            )
        if seconds(self.epoch) < 1:
            raise ValueError(f"epoch must be at least 1s; {self.epoch} came")
        windows = [self.attribution_window]
        windows += [r.attribution_window for r in self.guardrails if r.attribution_window]
        longest = max(windows, key=seconds)
        if seconds(longest) > MOST_EPOCHS * seconds(self.epoch):
            raise ValueError(
                f"epoch: {self.epoch} came with an attributionWindow of {longest}; expected at"
                f" least a {MOST_EPOCHS}th of it"
            )

    @classmethod
    def of_http(cls, experiment: Experiment) -> Self:
        """What ``PUT /experiments/{name}`` asks for, the rest by default.

        Raises ``pydantic.ValidationError`` where a bound is broken that only resources have.
        """
        return cls(
            model=experiment.model,
            arms=tuple(Arm(version=arm.version, weight=arm.weight) for arm in experiment.arms),
            strategy=experiment.strategy,
            enabled=experiment.enabled,
            attribution_window=duration(experiment.attribution_window),
        )

    def over_http(self) -> Experiment:
        """What ``GET /experiments/{name}`` answers: the part that the gateway's API knows."""
        return Experiment(
            model=self.model,
            arms=tuple(HttpArm(version=arm.version, weight=arm.weight) for arm in self.arms),
            strategy=self.strategy,
            enabled=self.enabled,
            attribution_window=seconds(self.attribution_window),
        )


ExperimentPhase = Literal[
    "Stopped",  # not enabled: no unit is assigned
    "Waiting",  # for an arm, or for the events' Redis: no unit is assigned yet
    "Running",
    "Decided",  # the evidence names a winner; units are assigned as before
    "Halted",  # units go to the first arm: its reason is among the conditions
    "Refused",  # nothing is assigned: the message says what to change
]


class ArmEvidence(WireDocument):
    """What is known of one arm by the goal, good however often one looks."""

    version: str
    revision: str = ""
    weight: float = Field(0.0, ge=0, le=1, description="share of units now")
    exposures: int = 0
    units: int = 0
    ripe: int = Field(0, description="units whose outcome came, or whose window has passed")
    estimate: float | None = Field(None, description="rate of conversions or labels, mean score")
    interval: tuple[float, float] | None = Field(
        None, description="holds the true one with 1 - alpha however often one looks"
    )
    difference: tuple[float, float] | None = Field(
        None, description="likewise, of what this arm has over the first"
    )
    guardrails: tuple[GuardrailVerdict, ...] = ()


class ArmPoint(WireDocument):
    """One arm at one moment, for pictures over time."""

    time: float = Field(description="seconds since 1970")
    version: str
    weight: float = Field(0.0, ge=0, le=1)
    exposures: int = 0
    estimate: float | None = None
    interval: tuple[float, float] | None = None


class ExperimentResourceStatus(WireDocument):
    """``status`` of an ``Experiment``. ``plan`` and ``evidence`` are the controller's own memory."""

    observed_generation: int = 0
    phase: ExperimentPhase = "Stopped"
    message: str = ""
    winner: str | None = Field(None, description="its version; null until the evidence says so")
    exposures: int = Field(0, description="of all arms")
    arms: tuple[ArmEvidence, ...] = ()
    log_e_sample_ratio: float = Field(
        0.0, description="natural logarithm of the e-value against units shared as assigned"
    )
    incomplete: bool = Field(
        False, description="exposures or outcomes are missing: EvidenceIncomplete"
    )
    dropped: int = Field(0, description="exposures that were not stored")
    unjoined: int = Field(0, description="exposures that are stored but can get no feedback")
    trace: tuple[ArmPoint, ...] = ()
    conditions: tuple[Condition, ...] = ()
    plan: dict[str, Any] = {}
    evidence: dict[str, Any] = {}


class ExperimentView(WireDocument):
    """One experiment with its evidence, as ``GET /experiments/{name}/evidence`` answers."""

    name: Name
    spec: ExperimentSpec
    status: ExperimentResourceStatus

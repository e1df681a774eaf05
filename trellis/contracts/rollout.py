"""A rollout as people write it: ``spec`` of ``Rollout``, ``trellis.dev/v1alpha1``.

The rules that bind fields to each other stand here once: as validators for files, commands and
the controller, and beside them as CEL rules for the API server (``trellis.rollout.crds``).
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from trellis.contracts.amounts import Duration, Share, seconds, share
from trellis.contracts.routing_table import MOST_WINDOW_SECONDS, WireDocument
from trellis.contracts.tensors import Name

#: Metrics that are counted as events among requests: their margins are ratios.
COUNTED = frozenset(("errors", "latency", "restarts", "conversions", "wrongLabels"))

Metric = Literal[
    "errors", "latency", "meanLatency", "restarts", "conversions", "wrongLabels", "scores"
]


class Margin(WireDocument):
    """How much worse the canary may be: exactly one of the fields."""

    ratio: float | None = Field(
        None, gt=1, le=100, description="canary's rate (or mean) as a multiple of stable's"
    )
    absolute: str | None = Field(
        None,
        pattern=r"^\d+(?:\.\d+)?(?:ms|s)?$",
        max_length=16,
        description="difference of means: with ms or s for meanLatency, a bare number for scores",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.ratio is None) == (self.absolute is None):
            raise ValueError("expected exactly one of ratio and absolute")
        return self


class Guardrail(WireDocument):
    """A metric on which the canary may not be worse than stable by more than a margin."""

    metric: Metric
    margin: Margin | None = Field(None, description="ratio 1.5 where neither it nor limit is set")
    over: Duration | None = Field(
        None, description="latency only: the share of requests that take longer; a bucket's edge"
    )
    limit: Share | None = Field(
        None, description="latency only: the share over it that is too much, whatever stable does"
    )
    negligible: Share | None = Field(
        None,
        description="errors, latency: a share of canary requests below which no ratio is harm",
    )
    attribution_window: Duration | None = Field(
        None, description="conversions, wrongLabels, scores: how long an outcome still counts"
    )

    @property
    def name(self) -> str:
        """What people see: the metric, of latency with its threshold."""
        return f"{self.metric}>{self.over}" if self.over else self.metric

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_latency()
        if self.metric not in {"errors", "latency"} and self.negligible is not None:
            raise ValueError(f"negligible is for errors and latency, not for {self.metric}")
        if self.metric in COUNTED and self.margin is not None and self.margin.ratio is None:
            raise ValueError(f"margin: {self.metric} is counted; expected a ratio")
        delayed = self.metric in {"conversions", "wrongLabels", "scores"}
        if delayed != (self.attribution_window is not None):
            raise ValueError(
                f"attributionWindow is {'needed' if delayed else 'not'} for {self.metric}"
            )
        if self.attribution_window is not None and not (
            0 < seconds(self.attribution_window) <= MOST_WINDOW_SECONDS
        ):
            raise ValueError("attributionWindow must be over 0 s and at most a year")
        for field in (self.limit, self.negligible):
            if field is not None and not 0 < share(field) < 0.99:
                raise ValueError(f"{field} must lie between 0% and 99%")
        self._check_absolute()
        return self

    def _check_latency(self) -> None:
        if (self.metric == "latency") != (self.over is not None):
            raise ValueError(
                f"over is {'needed' if self.metric == 'latency' else 'not'} for {self.metric}"
            )
        if self.limit is not None and (self.metric != "latency" or self.margin is not None):
            raise ValueError("limit is for latency, in the place of margin")

    def _check_absolute(self) -> None:
        absolute = self.margin.absolute if self.margin else None
        if absolute is None:
            return
        timed = absolute.endswith("s")
        if self.metric == "meanLatency" and not timed:
            raise ValueError("margin.absolute of meanLatency needs a unit, as 20ms")
        if self.metric == "scores" and timed:
            raise ValueError("margin.absolute of scores has no unit, as 0.05")


class Step(WireDocument):
    """A stage: a weight that is held at least for a time."""

    weight: int = Field(ge=1, le=99, description="percent of traffic to the canary")
    minimum_time: Duration = "1m"


DEFAULT_GUARDRAILS = (
    Guardrail(metric="errors", margin=Margin(ratio=2), negligible="0.5%"),
    Guardrail(metric="restarts", margin=Margin(ratio=2)),
)


class RolloutSpec(WireDocument):
    """``spec`` of a ``Rollout``."""

    inference_service: Name = Field(description="of the same namespace; cannot be changed")
    steps: tuple[Step, ...] = Field(
        (Step(weight=5), Step(weight=20), Step(weight=50)), min_length=1, max_length=20
    )
    advance: Literal["nonInferior", "noHarm"] = Field(
        "nonInferior",
        description="nonInferior: the intervals of all guardrails lie within their margins; noHarm: "
        "no evidence of harm after the requests that plan computes for 80 % power",
    )
    alpha: float = Field(
        0.05, gt=0, le=0.5, description="largest probability of rolling back a version that is fine"
    )
    guardrails: tuple[Guardrail, ...] = Field(DEFAULT_GUARDRAILS, min_length=1, max_length=10)
    deadline: Duration = Field("24h", description="of the whole rollout, from its first weight")
    on_deadline: Literal["hold", "rollback"] = "hold"
    same_version: Literal["follow", "trial"] = Field(
        "follow",
        description="follow: a revision of the same version and image is let through at once",
    )
    split: Literal["request", "unit"] = Field(
        "request",
        description="request: Knative splits each request anew; unit: gateways keep each unit with one "
        "version, by the hosts of KServe's tags, and it is the unit that is evidence",
    )
    warm_up: Duration = Field("30s", description="of each pod, left out of latency")
    paused: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        weights = [step.weight for step in self.steps]
        if weights != sorted(set(weights)):
            raise ValueError(f"steps: weights must rise from step to step; {weights} came")
        names = [guardrail.name for guardrail in self.guardrails]
        if len(set(names)) != len(names):
            raise ValueError(f"guardrails: each once; {names} came")
        if self.split == "unit" and "meanLatency" in {rail.metric for rail in self.guardrails}:
            raise ValueError(
                "guardrails: meanLatency came with split: unit, which predictors do not tell from other"
                " requests; use latency with a threshold"
            )
        if seconds(self.deadline) <= sum(seconds(step.minimum_time) for step in self.steps):
            raise ValueError("deadline must be longer than all minimumTime together")
        return self

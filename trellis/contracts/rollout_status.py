"""What is known of a rollout: ``status`` of ``Rollout``, and what the controller's HTTP answers."""

from typing import Any, Literal

from pydantic import Field

from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.routing_table import WireDocument
from trellis.contracts.tensors import Name

Phase = Literal[
    "Idle",  # all traffic on stable, nothing on trial
    "Waiting",  # a new version starts; it has no traffic
    "Progressing",  # at a step
    "Paused",  # a step is held: by a person, a weight set by hand, the deadline
    "Promoting",  # gateways turn away from the tag hosts before all traffic moves
    "Promoted",
    "RollingBack",  # likewise, before the canary's traffic goes
    "RolledBack",  # stays, for this version and image
    "Refused",  # nothing is moved: the message says what to change
]

VerdictKind = Literal["advance", "hold", "rollback", "promote", "insufficient-evidence"]

#: What happened to a rollout.
What = Literal[
    "began",
    "weight",
    "advanced",
    "paused",
    "resumed",
    "skipped",
    "promoted",
    "rolledBack",
    "aborted",
    "superseded",
    "followed",
    "refused",
    "weightChangedByHand",
]


class Side(WireDocument):
    """One side of the comparison."""

    revision: str
    version: str
    identity: str = Field(description="of version, image, command and environment together")


class Tally(WireDocument):
    """Events among requests or units of one side."""

    events: float = 0
    total: float = 0


class GuardrailVerdict(WireDocument):
    """What the evidence says of one guardrail."""

    name: str
    state: Literal["harm", "within", "undecided", "blind"] = Field(
        description="blind: its metric is missing or frozen, which is never health"
    )
    canary: Tally = Tally()
    stable: Tally = Tally()
    log_e_harm: float = Field(
        0.0, description="natural logarithm of the e-value against harm <= margin"
    )
    log_e_within: float = Field(0.0, description="likewise against harm >= margin")
    log_e_needed: float = Field(0.0, description="harm is called from this logarithm on")
    estimate: float | None = Field(None, description="ratio, or difference of means")
    interval: tuple[float, float] | None = Field(
        None, description="holds the true one with 1 - alpha however often one looks"
    )
    margin: float | None = None
    message: str = ""


class Verdict(WireDocument):
    """What to do next, and why."""

    kind: VerdictKind
    message: str
    guardrails: tuple[GuardrailVerdict, ...] = ()
    estimated_seconds: float | None = Field(
        None, description="until the next advance; null: unknown"
    )


class HistoryEntry(WireDocument):
    """A step that was taken, with its reason. The newest fifty are kept."""

    time: float = Field(description="seconds since 1970")
    what: What
    version: str = ""
    weight: int | None = None
    message: str = ""
    actor: str = Field("", description="who asked for it, where it was a person")


class TracePoint(WireDocument):
    """One guardrail at one moment, for pictures over time."""

    time: float = Field(description="seconds since 1970")
    weight: int
    name: str
    estimate: float | None = None
    interval: tuple[float, float] | None = None
    log_e_harm: float = 0.0
    requests: float = Field(0.0, description="the canary's, since its first weight")


class Command(WireDocument):
    """What a person asks of a rollout; each ``id`` is carried out once.

    Written into the annotation ``trellis.dev/command`` of the Rollout, or sent to the
    controller's HTTP.
    """

    id: str = Field(min_length=1, max_length=64)
    do: Literal["pause", "resume", "skip", "promote", "abort", "retry"]
    actor: str = Field("", max_length=256)
    version: str = Field("", description="carried out only while this one is on trial, where named")


class Condition(WireDocument):
    """As Kubernetes has them; ``Promoted``, ``Progressing``, ``Paused``, ``Degraded``, ``EvidenceComplete``."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""
    last_transition_time: str
    observed_generation: int | None = None


class RolloutStatus(WireDocument):
    """``status`` of a ``Rollout``. ``plan`` and ``evidence`` are the controller's own memory."""

    observed_generation: int = 0
    phase: Phase = "Idle"
    message: str = ""
    stable: Side | None = None
    canary: Side | None = None
    step: int = Field(0, description="the number of the step, from 1; 0 outside of steps")
    weight: int = Field(0, description="percent that the canary is meant to have")
    verdict: Verdict | None = None
    history: tuple[HistoryEntry, ...] = ()
    trace: tuple[TracePoint, ...] = ()
    conditions: tuple[Condition, ...] = ()
    plan: dict[str, Any] = {}
    evidence: dict[str, Any] = {}


class RolloutView(WireDocument):
    """One rollout, as ``GET /rollouts/{name}`` answers."""

    name: Name
    spec: RolloutSpec
    status: RolloutStatus


class RolloutViews(WireDocument):
    """All of them."""

    rollouts: tuple[RolloutView, ...] = ()

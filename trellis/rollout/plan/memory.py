"""What the plan must remember from pass to pass: ``status.plan`` of a Rollout."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from trellis.contracts.rollout_status import RolloutStatus, Side

#: Where a rollout is, whatever holds it: what a person sees (``Phase``) follows from both.
Course = Literal[
    "idle", "waiting", "stepping", "promoting", "promoted", "rollingBack", "rolledBack"
]

MOST_ROLLED_BACK = 20
MOST_COMMANDS = 50


class Baseline(BaseModel):
    """One guardrail when a stage began, for estimates."""

    model_config = ConfigDict(frozen=True)

    log_e_within: float
    requests: float


class Memory(BaseModel):
    """Immutable; times are seconds since 1970.

    Unknown keys are dropped: a newer controller may have written them before it was replaced.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True
    )

    course: Course = "idle"
    clearing: bool = False  #: at rest, yet at weight 0 until the newest is let through
    covered_at: float | None = None  #: at rest, since when the webhook's weight 0 is kept
    released: bool = False  #: the weight is to be absent, so that the newest has all traffic
    trial_at: float | None = None  #: when the present trial, or the last, began
    next_step: int = 1  #: that a ready version enters from Waiting
    asked_at: float | None = None  #: when the stage's weight was asked for
    settled_at: float | None = None  #: when the traffic first showed it
    baseline: dict[str, Baseline] = {}  #: by guardrail, at the stage's first evidence
    baseline_at: float | None = None
    deadline_from: float | None = None
    began_weight: bool = False  #: whether this trial had a weight already
    tags_up: bool = False  #: whether gateways may split by tag hosts
    turned_at: float | None = None  #: when they were told to turn away from them
    hindered_at: float | None = None  #: when they last were because of an obstacle, in this trial
    rolled_back: tuple[str, ...] = ()  #: identities (or revisions) that are not tried again
    previous: Side | None = None  #: what one step back from the promoted version leads to
    paused: bool = False  #: by a person
    paused_by: str = ""
    overdue: bool = False  #: held since the deadline passed
    held_since: float | None = None  #: since when the deadline stands still
    manual: bool = False  #: whether the weight was set by hand
    manual_weight: int | None = None
    accepted_hand: int | None = None  #: a value set by hand that is to be taken over
    refused: str = ""  #: the reason for which nothing is moved now
    degraded: str = ""  #: why the last version was rolled back: a condition's reason
    why: str = ""  #: the same in a sentence
    seen_order: int = 0  #: of the InferenceService that the last step was decided on
    seen_at: float | None = None  #: and when that was
    carried_out: tuple[str, ...] = ()  #: ids of commands
    recorded: int = 0  #: history entries ever
    notified: int = 0  #: up to which number they were sent


def recall(status: RolloutStatus) -> Memory:
    """The memory in a status; a new one where it has none.

    Raises ``pydantic.ValidationError`` where ``status.plan`` was written by something else.
    """
    return Memory.model_validate(status.plan)


def written(memory: Memory) -> dict[str, Any]:
    """The memory as ``status.plan``."""
    return memory.model_dump(mode="json", by_alias=True, exclude_defaults=True)

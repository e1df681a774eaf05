"""What the passes of an Experiment must remember: ``status.plan``."""

import hashlib
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from trellis.contracts.experiment_resource import ExperimentResourceStatus, ExperimentSpec
from trellis.rollout.experiments.assignment import Assignment
from trellis.rollout.experiments.epochs import Epoch

#: What happened to an experiment and is told to whoever wants to hear of it.
Happened = Literal["began", "decided", "halted", "stopped", "refused"]

MOST_NOTICES = 20
#: Fields of a spec that may change while the evidence goes on.
_CHANGEABLE = {"enabled": True, "minimum_share": True, "epoch": True}


class Remembered(BaseModel):
    """Unknown keys are dropped: a newer controller may have written them before it was replaced."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True
    )


class Notice(Remembered):
    """Something that happened, at ``time`` in seconds since 1970; ``number`` is its own for good."""

    number: int
    time: float
    what: Happened
    message: str


class Memory(Remembered):
    """Immutable; times are seconds since 1970."""

    identity: str = ""  #: the name of what is counted; empty where nothing is
    comparing: str = ""  #: what the evidence is of: ``digest_of`` a spec
    assigned: Assignment | None = None  #: what the routing table is to do
    epoch: Epoch | None = None  #: of ``weighted``
    idle_since: float | None = None  #: since when nothing is assigned, while outcomes still ripen
    disabled: bool = False  #: whether it was since it halted
    notices: tuple[Notice, ...] = ()  #: the newest that were perhaps not sent yet
    recorded: int = 0  #: notices ever


def recall(status: ExperimentResourceStatus) -> Memory:
    """The memory in a status; a new one where it has none.

    Raises ``pydantic.ValidationError`` where ``status.plan`` was written by something else.
    """
    return Memory.model_validate(status.plan)


def counted_as(status: ExperimentResourceStatus) -> str | None:
    """The name of the watch whose units are still to be counted; None where none are."""
    return str(status.plan.get("identity") or "") or None


def written(memory: Memory) -> dict[str, Any]:
    """The memory as ``status.plan``."""
    return memory.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def noticed(memory: Memory, what: Happened, message: str, now: float) -> Memory:
    """With one thing more that happened."""
    number = memory.recorded + 1
    notice = Notice(number=number, time=now, what=what, message=message)
    kept = (*memory.notices, notice)[-MOST_NOTICES:]
    return memory.model_copy(update={"notices": kept, "recorded": number})


def digest_of(spec: ExperimentSpec) -> str:
    """Equal for specs whose evidence is of the same: weights, the switch and the epochs may differ."""
    arms = {"arms": {"__all__": {"weight": True}}}
    # Without defaults, so that a field that a newer controller knows does not make it another.
    text = spec.model_dump_json(exclude={**_CHANGEABLE, **arms}, exclude_defaults=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]

"""What a pass of the plan comes to. Data only."""

from dataclasses import dataclass
from typing import Literal

from trellis.contracts.rollout_status import HistoryEntry, RolloutStatus

#: The weight field of the InferenceService: a percentage, removed, or as whoever set it left it.
Field = int | Literal["absent", "leave"]

Table = Literal["tagged", "untagged"]

Look = Literal["none", "go on", "start anew"]


@dataclass(frozen=True)
class Announcement:
    """A Kubernetes Event of the Rollout. Said once; the history keeps what matters."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True)
class Notification:
    """A history entry that was not sent yet. ``number`` is its identity for good."""

    number: int
    entry: HistoryEntry

    @property
    def time(self) -> float:
        """When it happened, in seconds since 1970."""
        return self.entry.time


@dataclass(frozen=True)
class Decision:
    """The next status, and what follows from it.

    First ``status`` is written by compare-and-swap; only then the cluster is made to follow, and
    only the object that was decided on (``ServiceSeen.token`` as precondition): a version that
    arrives in between must not meet a weight meant for another. ``pressing`` is false where only
    numbers and words changed, which may be written later. ``look``: with "none" the counters are
    read anew as a base and nothing is counted; "start anew" begins empty evidence.
    """

    status: RolloutStatus
    field: Field
    table: Table
    look: Look
    pressing: bool
    announcements: tuple[Announcement, ...] = ()
    notifications: tuple[Notification, ...] = ()

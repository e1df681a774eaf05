"""A pass in the making: the facts of the moment, and a status that rules change in turn."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import (
    Command,
    GuardrailVerdict,
    HistoryEntry,
    RolloutStatus,
    Side,
    Verdict,
    What,
)
from trellis.rollout.plan.decision import Announcement
from trellis.rollout.plan.gateways import GatewaysSeen
from trellis.rollout.plan.memory import Memory
from trellis.rollout.plan.words import clip
from trellis.rollout.seen import ServiceSeen

MOST_HISTORY = 50

_REASONS: dict[What, str] = {
    "began": "TrialBegan",
    "weight": "WeightSet",
    "advanced": "Advanced",
    "paused": "Paused",
    "resumed": "Resumed",
    "skipped": "Skipped",
    "promoted": "Promoted",
    "rolledBack": "RolledBack",
    "aborted": "Aborted",
    "superseded": "Superseded",
    "followed": "Followed",
    "refused": "Refused",
    "weightChangedByHand": "ManualWeight",
}
_WARNINGS = {"rolledBack", "refused", "weightChangedByHand"}


@dataclass(frozen=True)
class Facts:
    """All that a pass is told; ``decide`` describes the fields."""

    spec: RolloutSpec
    seen: ServiceSeen
    evidence: tuple[GuardrailVerdict, ...] | None
    commands: Sequence[Command]
    now: float
    gateways: GatewaysSeen
    required_requests: int | None = None


@dataclass
class Draft:
    """Changed in place by the rules of one pass; nothing of it outlives the pass."""

    now: float
    memory: Memory
    stable: Side | None
    canary: Side | None
    step: int
    weight: int
    verdict: Verdict | None
    evidence: dict[str, Any]
    history: list[HistoryEntry]
    announcements: list[Announcement] = field(default_factory=list)

    @classmethod
    def of(cls, status: RolloutStatus, memory: Memory, now: float) -> "Draft":
        """The draft that changes nothing."""
        return cls(
            now=now,
            memory=memory,
            stable=status.stable,
            canary=status.canary,
            step=status.step,
            weight=status.weight,
            verdict=status.verdict,
            evidence=status.evidence,
            history=list(status.history),
        )

    def remember(self, **changes: Any) -> None:
        """Change the memory."""
        self.memory = self.memory.model_copy(update=changes)

    def record(
        self, what: What, message: str, *, reason: str = "", actor: str = "", version: str = ""
    ) -> None:
        """Add to the history, and say it in an Event under ``reason`` (by default its kind's)."""
        side = self.canary or self.stable
        entry = HistoryEntry(
            time=self.now,
            what=what,
            version=version or (side.version if side else ""),
            weight=self.weight,
            message=clip(message),
            actor=actor,
        )
        self.history = [*self.history, entry][-MOST_HISTORY:]
        self.remember(recorded=self.memory.recorded + 1)
        self.announce(
            "Warning" if what in _WARNINGS else "Normal", reason or _REASONS[what], message
        )

    def announce(self, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Say something in an Event only."""
        self.announcements.append(Announcement(kind, reason, clip(message)))

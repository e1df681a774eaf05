"""What is remembered between two readings: kept in the Rollout's status, so that a restart goes on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from trellis.rollout.looks import Count, Moments

Side = Literal["canary", "stable"]
SIDES: tuple[Side, Side] = ("canary", "stable")


@dataclass(frozen=True)
class PodMemory:
    """One pod as it was read last. ``warm_from`` is when it was seen first, or last restarted;
    ``seen`` when it was listed last, ``silent_since`` when its counters could not be read first.
    """

    side: Side
    warm_from: float
    seen: float
    ready: bool
    restarts: int
    requests: float | None = None
    witness: float | None = None
    sampled: float | None = None
    counts: Mapping[str, Count] = field(default_factory=dict)
    moments: Mapping[str, Moments] = field(default_factory=dict)
    silent_since: float | None = None


@dataclass(frozen=True)
class SideMemory:
    """One side of the stage. ``counts`` and ``moments`` wait for the look to be large enough.

    ``missed``: requests, split one by one, that the other side answered since this one's last;
    ``unwitnessed``: those that predictors answered since the counters outside of them moved last;
    ``fresh``: when these were sampled last.
    """

    missed: float = 0.0
    unwitnessed: float = 0.0
    fresh: float | None = None
    counts: Mapping[str, Count] = field(default_factory=dict)
    moments: Mapping[str, Moments] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """Both sides in one stage, as read at ``time``."""

    stage: str
    time: float
    pods: Mapping[str, PodMemory] = field(default_factory=dict)
    sides: Mapping[Side, SideMemory] = field(
        default_factory=lambda: dict.fromkeys(SIDES, SideMemory())
    )

    def to_state(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "stage": self.stage,
            "time": self.time,
            "pods": {
                name: {
                    "of": [pod.side, pod.warm_from, pod.seen, pod.ready, pod.restarts],
                    "read": [pod.requests, pod.witness, pod.sampled, pod.silent_since],
                    **_told(pod),
                }
                for name, pod in self.pods.items()
            },
            "sides": {
                name: {"of": [side.missed, side.unwitnessed, side.fresh], **_told(side)}
                for name, side in self.sides.items()
            },
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Snapshot":
        """Raises ``KeyError``, ``TypeError`` or ``ValueError`` for what is no snapshot."""
        pods: dict[str, PodMemory] = {}
        for name, pod in state["pods"].items():
            side, warm_from, seen, ready, restarts = pod["of"]
            requests, witness, sampled, silent_since = pod["read"]
            memory = PodMemory(side, warm_from, seen, ready, restarts, requests, witness, sampled)
            pods[name] = replace(memory, silent_since=silent_since, **_remembered(pod))
        sides: dict[Side, SideMemory] = {}
        for key in SIDES:
            of = state["sides"][key]
            missed, unwitnessed, fresh = of["of"]
            sides[key] = SideMemory(missed, unwitnessed, fresh, **_remembered(of))
        return cls(state["stage"], state["time"], pods, sides)


def _told(of: PodMemory | SideMemory) -> dict[str, dict[str, list[float]]]:
    return {
        "counts": {name: list(count) for name, count in of.counts.items()},
        "moments": {name: list(moments) for name, moments in of.moments.items()},
    }


def _remembered(state: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "counts": {name: Count(*values) for name, values in state["counts"].items()},
        "moments": {name: Moments(*values) for name, values in state["moments"].items()},
    }

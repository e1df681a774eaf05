"""What is remembered between two readings: kept in the Rollout's status, so that a restart goes on."""

import math
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
    own_sampled: float | None = None
    counts: Mapping[str, Count] = field(default_factory=dict)
    moments: Mapping[str, Moments] = field(default_factory=dict)
    silent_since: float | None = None
    tagged: float = 0.0


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
                    "read": [
                        pod.requests,
                        pod.witness,
                        pod.sampled,
                        pod.own_sampled,
                        pod.silent_since,
                    ],
                    "tagged": pod.tagged,
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
            requests, witness, sampled, own_sampled, silent_since = map(_maybe, pod["read"])
            warm_from, seen, restarts = _number(warm_from), _number(seen), int(restarts)
            memory = PodMemory(side, warm_from, seen, ready, restarts, requests, witness, sampled)
            pods[name] = replace(
                memory,
                own_sampled=own_sampled,
                silent_since=silent_since,
                tagged=_number(pod.get("tagged", 0.0)),
                **_remembered(pod),
            )
        sides: dict[Side, SideMemory] = {}
        for key in SIDES:
            of = state["sides"][key]
            missed, unwitnessed, fresh = of["of"]
            remembered = _remembered(of)
            sides[key] = SideMemory(
                _number(missed), _number(unwitnessed), _maybe(fresh), **remembered
            )
        return cls(state["stage"], _number(state["time"]), pods, sides)


def _told(of: PodMemory | SideMemory) -> dict[str, dict[str, list[float]]]:
    return {
        "counts": {name: list(count) for name, count in of.counts.items()},
        "moments": {name: list(moments) for name, moments in of.moments.items()},
    }


def _remembered(state: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "counts": {name: Count(*map(_number, of)) for name, of in dict(state["counts"]).items()},
        "moments": {
            name: Moments(*map(_number, of)) for name, of in dict(state["moments"]).items()
        },
    }


def _number(value: Any) -> float:
    """JSON has null for what is no number. Raises ``TypeError`` or ``ValueError`` for it."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number")
    return float(value)


def _maybe(value: Any) -> float | None:
    return None if value is None else _number(value)

"""Readings of the tests: two sides, one guardrail each unless said otherwise."""

from collections.abc import Mapping
from typing import Any

from trellis.contracts.rollout import Guardrail
from trellis.rollout.looks import Count, Look
from trellis.rollout.metrics.looks import next_look
from trellis.rollout.metrics.port import Counters, Pod, Readings
from trellis.rollout.metrics.snapshot import Side, Snapshot

ERRORS = Guardrail(metric="errors")
LATENCY = Guardrail(metric="latency", over="250ms")
RESTARTS = Guardrail(metric="restarts")
MEAN = Guardrail(metric="meanLatency")
SIDES: dict[str, Side] = {"v2": "canary", "v1": "stable"}


def pod(name: str, revision: str, **changed: Any) -> Pod:
    fields: dict[str, Any] = {"address": "10.0.0.1", "running": True, "ready": True, **changed}
    return Pod(name, revision, **fields)


def counted(events: float, total: float, **changed: Any) -> Counters:
    """Errors among requests, all split one by one."""
    return Counters(total, {"errors": Count(events, total)}, **changed)


class Reader:
    """Goes from reading to reading, through JSON each time as a restarted controller would."""

    def __init__(self, *guardrails: Guardrail, weight: int = 50, warm_up: float = 30.0) -> None:
        self.guardrails = guardrails or (ERRORS,)
        self.weight = weight
        self.warm_up = warm_up
        self.stage = "1"
        self.snapshot: Snapshot | None = None

    def read(
        self,
        time: float,
        counters: Mapping[Pod, Counters | None],
        problems: Mapping[str, str] | None = None,
    ) -> Look:
        """None for a pod that could not be read."""
        readings = Readings(
            time=time,
            pods=tuple(counters),
            counters={pod.name: one for pod, one in counters.items() if one is not None},
            unread={
                pod.name: f"{pod.name} is silent" for pod, one in counters.items() if one is None
            },
            problems=problems or {},
        )
        before = self.snapshot and Snapshot.from_state(self.snapshot.to_state())
        self.snapshot, look = next_look(
            before,
            readings,
            SIDES,
            self.guardrails,
            stage=self.stage,
            weight=self.weight,
            warm_up=self.warm_up,
        )
        return look


def errors_of(look: Look) -> tuple[Count | None, Count | None]:
    """Canary's and stable's."""
    return look.canary.counts.get("errors"), look.stable.counts.get("errors")

"""Exposures and outcomes of the tests: model ``leaf``, half canary and half stable."""

from typing import Any

from trellis.contracts.events import Exposure, Outcome
from trellis.contracts.rollout import Guardrail
from trellis.rollout.events.blocks import FoldState, Tallies, add
from trellis.rollout.events.fold import Fold, fold
from trellis.rollout.events.units import UnitMemory
from trellis.rollout.events.watch import Watch, measures_of

ERRORS = Guardrail(metric="errors")
SLOW = Guardrail(metric="latency", over="250ms")
MEAN = Guardrail(metric="meanLatency")
CONVERSIONS = Guardrail(metric="conversions", attribution_window="100s")
LABELS = Guardrail(metric="wrongLabels", attribution_window="100s")
SCORES = Guardrail(metric="scores", attribution_window="100s")


def watch_of(*guardrails: Guardrail, canary: float = 0.5, era: int = 1, **changed: Any) -> Watch:
    fields: dict[str, Any] = {
        "name": "rollout:trellis/leaf:leaf-2",
        "model": "leaf",
        "sides": {"leaf-2": "canary", "leaf-1": "stable"},
        "shares": {"leaf-2": canary, "leaf-1": 1 - canary},
        "era": era,
        "measures": measures_of(guardrails or (ERRORS,)),
        **changed,
    }
    return Watch(**fields)


def met(unit: int, arm: str = "leaf-2", time: float = 0.0, **changed: Any) -> Exposure:
    fields: dict[str, Any] = {
        "request_id": f"{unit}-{time}",
        "unit": f"{unit:016x}",
        "sticky": True,
        "experiment": None,
        "model": "leaf",
        "arm": arm,
        "version": arm[-1],
        "revision": arm,
        "propensity": 0.5,
        "table_version": 1,
        "time": time,
        "code": 200,
        "seconds": 0.01,
        **changed,
    }
    return Exposure(**fields)


def said(
    unit: int, kind: Any, value: Any, arm: str = "leaf-2", time: float = 1.0, **changed: Any
) -> Outcome:
    fields: dict[str, Any] = {
        "request_id": f"{unit}-0",
        "kind": kind,
        "value": value,
        "time": time,
        "experiment": None,
        "model": "leaf",
        "arm": arm,
        "version": arm[-1],
        "revision": arm,
        "exposed_at": 0.0,
        "unit": f"{unit:016x}",
        "sticky": True,
        "propensity": 0.5,
        **changed,
    }
    return Outcome(**fields)


class Memory:
    """What a store would keep from fold to fold, through JSON each time."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.state = FoldState()
        self.units: dict[str, UnitMemory] = {}
        self.ripening: dict[str, float] = {}

    def fold(self, *events: Exposure | Outcome, now: float | None = None) -> Fold:
        """With ``now``, what is due by then ripens first."""
        due = [m for m, second in self.ripening.items() if now is not None and second <= now]
        folded = fold(self.watch, self.state, self.units, events, due)
        self.state = FoldState.from_json(folded.state.to_json())
        for unit in folded.forgotten:
            self.units.pop(unit, None)
        self.units |= {
            name: UnitMemory.from_json(unit.to_json()) for name, unit in folded.units.items()
        }
        self.ripening |= folded.ripening
        for member in folded.ripened:
            self.ripening.pop(member, None)
        return folded

    def counted(self, measure: str) -> dict[str, tuple[float, ...]]:
        """Over all blocks, by side."""
        sums: Tallies = {}
        for tallies in self.closed:
            for side, values in tallies.get(measure, {}).items():
                add(sums, measure, side, values)
        return sums.get(measure, {})

    @property
    def closed(self) -> list[Tallies]:
        return [block.tallies for block in self.state.blocks]

"""How many objects of a kind are in each phase, as a gauge."""

from prometheus_client import Gauge

from trellis.rollout.cluster.facts import Key


class Phases:
    """``gauge`` has one label, the phase."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._known: dict[Key, str] = {}

    def put(self, key: Key, phase: str) -> None:
        """The object is in this phase now."""
        self.drop(key)
        self._known[key] = phase
        self._gauge.labels(phase).inc()

    def drop(self, key: Key) -> None:
        """The object is gone."""
        before = self._known.pop(key, None)
        if before is not None:
            self._gauge.labels(before).dec()

"""Numbers that are older than what is remembered already are no news, pure.

The moment at which all pods are asked for can fall back as pods come and go, and of two Prometheus
behind one address either may answer. Read as a counter that began anew, an older number would make
all that a pod ever counted happen again.
"""

from dataclasses import replace

from trellis.rollout.metrics.port import Counters, Readings
from trellis.rollout.metrics.snapshot import PodMemory, Snapshot

#: Seconds by which a number can be older; beyond it a clock was set back.
OLDER_SECONDS = 300.0


def in_order(before: Snapshot, readings: Readings) -> Readings:
    """The readings without what is older than ``before``."""
    kept = {
        name: _newer(before.pods.get(name), counters)
        for name, counters in readings.counters.items()
    }
    newer = {name: counters for name, counters in kept.items() if counters is not None}
    return replace(readings, counters=newer)


def _newer(memory: PodMemory | None, counters: Counters) -> Counters | None:
    if memory is None:
        return counters
    if _older(counters.sampled, memory.sampled):
        return None
    if _older(counters.own_sampled, memory.own_sampled):
        return replace(counters, moments={}, witness=None, own_sampled=None)
    return counters


def _older(now: float | None, before: float | None) -> bool:
    return now is not None and before is not None and 0 < before - now <= OLDER_SECONDS

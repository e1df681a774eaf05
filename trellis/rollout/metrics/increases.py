"""What one pod counted between two readings, pure: resets, restarts, the first seconds.

No pod's clock is asked: every span is by the reader's own, so that skew between pods changes nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from trellis.rollout.looks import Count, Moments
from trellis.rollout.metrics.port import Counters, Pod
from trellis.rollout.metrics.snapshot import PodMemory, Side

#: Of sums of squares, as floats are added up and taken from each other.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Increase:
    """What came to one pod's counters; ``requests`` and ``witness`` with those by tag, ``tagged`` these
    alone.
    """

    requests: float = 0.0
    witness: float = 0.0
    counts: Mapping[str, Count] = field(default_factory=dict)
    moments: Mapping[str, Moments] = field(default_factory=dict)
    tagged: float = 0.0


def increase(before: PodMemory, now: Counters) -> Increase:
    """Nothing for a pod that is read for the first time; all that it has where its counters began
    anew, for a queue-proxy or a process that restarts counts from nothing.
    """
    if before.requests is None:
        return Increase()
    if _began_anew(before, now):
        witness = now.witness or 0.0
        if before.witness is not None and witness >= before.witness:
            witness -= before.witness
        moments = {
            name: _since_anew(before.moments[name], values)
            for name, values in now.moments.items()
            if name in before.moments
        }
        return Increase(now.requests, witness, now.counts, moments, now.tagged)
    return Increase(
        requests=now.requests - before.requests,
        witness=_witnessed(before, now),
        counts={
            name: _grown(before.counts[name], count)
            for name, count in now.counts.items()
            if name in before.counts
        },
        moments={
            name: _added(before.moments[name], moments)
            for name, moments in now.moments.items()
            if name in before.moments
        },
        tagged=max(0.0, now.tagged - before.tagged),
    )


def warm(before: PodMemory, pod: Pod, since: float, warm_up: float) -> bool:
    """Whether the pod was past its first ``warm_up`` seconds from ``since``, the last reading, on."""
    return pod.restarts <= before.restarts and since >= before.warm_from + warm_up


def falls(before: PodMemory, pod: Pod) -> int:
    """Restarts since, or 1 where it is no longer ready without one; one that is told to end falls
    of nobody's fault.
    """
    restarts = max(0, pod.restarts - before.restarts)
    fell = before.ready and not pod.ready and not pod.terminating
    return max(restarts, int(fell))


def remember(
    before: PodMemory | None, pod: Pod, side: Side, time: float, counters: Counters | None
) -> PodMemory:
    """The pod as it is now; what could not be read stays as it was."""
    memory = before or PodMemory(side, time, time, pod.ready, pod.restarts)
    restarted = pod.restarts > memory.restarts
    memory = replace(
        memory,
        side=side,
        warm_from=time if restarted else memory.warm_from,
        seen=time,
        ready=pod.ready,
        restarts=pod.restarts,
    )
    if counters is None:
        return memory
    kept = {} if restarted else dict(memory.moments)
    return replace(
        memory,
        requests=counters.requests,
        witness=counters.witness,
        sampled=counters.sampled,
        own_sampled=memory.own_sampled if counters.own_sampled is None else counters.own_sampled,
        counts=counters.counts,
        # Without a witness the predictor's own page was not read: it goes on from where it was.
        moments=counters.moments if counters.witness is not None else {**kept, **counters.moments},
        silent_since=None,
        tagged=counters.tagged,
    )


def _began_anew(before: PodMemory, now: Counters) -> bool:
    less = before.requests is not None and now.requests < before.requests
    return less or any(
        count.total < before.counts[name].total
        for name, count in now.counts.items()
        if name in before.counts
    )


def _grown(before: Count, now: Count) -> Count:
    """Events may have been read a moment before their total, or after it."""
    total = now.total - before.total
    return Count(min(max(0.0, now.events - before.events), total), total)


def _added(before: Moments, now: Moments) -> Moments:
    """Nothing where the values began anew."""
    return _of_values(
        now.number - before.number, now.total - before.total, now.squares - before.squares
    )


def _since_anew(before: Moments, now: Moments) -> Moments:
    """The queue-proxy may have begun anew alone: then the predictor's values are those since."""
    return _added(before, now) if now.number >= before.number else _of_values(*now)


def _of_values(number: float, total: float, squares: float) -> Moments:
    """Those of real values, rounding apart; nothing where they are none: a page that is written while
    it is read has a value in one sum and not yet in another.
    """
    least = total * total / number if number > 0 else math.inf
    if total < 0 or squares < least * (1 - _ROUNDING) or not math.isfinite(least):
        return Moments(0.0, 0.0, 0.0)
    return Moments(number, total, max(squares, least))


def _witnessed(before: PodMemory, now: Counters) -> float:
    """The predictor's own counter begins anew alone where only its container restarts."""
    if now.witness is None or before.witness is None:
        return 0.0
    return now.witness - before.witness if now.witness >= before.witness else now.witness

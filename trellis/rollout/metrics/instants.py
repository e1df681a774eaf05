"""The one moment at which the counters of all pods are asked for, pure.

Each pod is scraped once an interval, at a moment of its own in it. Asked at any moment, the last
samples of two pods may lie nearly an interval apart, and what happened to both in between shows in
one alone. Asked right after the sample that follows another most closely, they lie half an
interval apart at most; of several pods a revision, the means of their moments do.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import inf
from statistics import fmean, median


def common_instant(sampled: Mapping[str, Iterable[Sequence[float]]]) -> float | None:
    """That of the pods' last samples at which the revisions' samples until then lie nearest together.

    ``sampled`` gives, by revision and pod, the moments of its samples, ascending, in seconds. None
    where there are none. A moment before a pod's first sample is taken only where no other is left.
    While the pods stay and are scraped at one interval, it never falls back.
    """
    times = {revision: [pod for pod in pods if pod] for revision, pods in sampled.items()}
    last = {pod[-1] for pods in times.values() for pod in pods}
    return min(last, key=lambda moment: (*_apart(times, moment), -moment), default=None)


def still_scraped(sampled: Mapping[str, Sequence[float]]) -> set[str]:
    """Pods whose last sample is two of their intervals older than the newest of all at most.

    ``sampled`` as above, by pod. An interval is that of most pods, or the pod's own if longer. A pod
    that is no longer scraped would take the instant back to its last sample, which lies nearest.
    """
    gaps = {pod: [b - a for a, b in pairwise(times)] for pod, times in sampled.items()}
    usual = median([gap for of_pod in gaps.values() for gap in of_pod] or [inf])
    newest = max((times[-1] for times in sampled.values() if times), default=0.0)
    return {
        pod
        for pod, times in sampled.items()
        if times and newest - times[-1] <= 2 * max(usual, median(gaps[pod] or [0.0]))
    }


def _apart(times: Mapping[str, Iterable[Sequence[float]]], moment: float) -> tuple[int, float]:
    """How many pods have no sample yet, and the seconds between the revisions' mean last samples."""
    missing, last = 0, defaultdict[str, list[float]](list)
    for revision, pods in times.items():
        for pod in pods:
            before = [time for time in pod if time <= moment]
            if before:
                last[revision].append(before[-1])
            else:
                missing += 1
    means = [fmean(of_revision) for of_revision in last.values()]
    return missing, max(means) - min(means)

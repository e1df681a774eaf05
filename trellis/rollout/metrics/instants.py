"""The one moment at which the counters of all pods are asked for, pure.

Each pod is scraped once an interval, at a moment of its own in it. Asked at any moment, the last
samples of two pods may lie nearly an interval apart, and what happened to both in between shows in
one alone. Asked right after the sample that follows another most closely, they lie half an
interval apart at most; of several pods a revision, the means of their moments do.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean


def common_instant(sampled: Mapping[str, Iterable[Sequence[float]]]) -> float | None:
    """That of the pods' last samples at which the revisions' samples until then lie nearest together.

    ``sampled`` gives, by revision and pod, the moments of its samples, ascending, in seconds. None
    where there are none. A moment before a pod's first sample is taken only where no other is left.
    While the pods stay and are scraped at one interval, it never falls back.
    """
    times = {revision: [pod for pod in pods if pod] for revision, pods in sampled.items()}
    last = {pod[-1] for pods in times.values() for pod in pods}
    return min(last, key=lambda moment: (*_apart(times, moment), -moment), default=None)


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

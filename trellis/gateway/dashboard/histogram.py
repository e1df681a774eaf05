"""Quantiles and shares from the buckets of a Prometheus histogram."""

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise

#: Counts by upper edge; each counts all that is at most its edge, the last edge is infinite.
Buckets = Mapping[float, float]


def quantile(share: float, buckets: Buckets) -> float | None:
    """The value that ``share`` (0 to 1) of the observations do not pass; None without any.

    Linear within a bucket, as Prometheus' ``histogram_quantile``; what lies beyond the last finite
    edge is told as that edge.
    """
    edges = sorted(buckets)
    total = buckets[edges[-1]] if edges else 0.0
    if total <= 0:
        return None
    rank = share * total
    lower, below = 0.0, 0.0
    for edge in edges:
        if buckets[edge] >= rank:
            within = buckets[edge] - below
            if math.isinf(edge) or within <= 0:
                return lower
            return lower + (edge - lower) * (rank - below) / within
        lower, below = edge, buckets[edge]
    return lower


def shares(edges: Iterable[float], buckets: Buckets) -> tuple[float, ...] | None:
    """The share of observations between each two of ``edges`` (0 to 1); None without any."""
    known = sorted(buckets)
    total = buckets[known[-1]] if known else 0.0
    if total <= 0:
        return None
    marks = list(edges)
    counts = [max((buckets[edge] for edge in known if edge <= mark), default=0.0) for mark in marks]
    return tuple((after - before) / total for before, after in pairwise(counts))

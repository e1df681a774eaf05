"""What a source of metrics tells: how much each counter rose in a window, and a little history.

A counter is named as in ``trellis.telemetry.metrics``; the labels that are kept stand here, so
that both sources read the same and nothing else.
"""

from collections.abc import Mapping
from typing import NamedTuple

from trellis.telemetry.metrics import WHO

#: (model, version, revision); all empty where a request met no arm.
Who = tuple[str, str, str]
#: A series' labels, in the order in which the tables below name them.
Labels = tuple[str, ...]
#: A counter or gauge by the values of its labels.
Values = Mapping[Labels, float]

REQUESTS = "trellis_requests_total"
DURATION = "trellis_request_duration_seconds_bucket"
CACHE_HITS = "trellis_cache_hits_total"
CACHE_MISSES = "trellis_cache_misses_total"
JOBS = "trellis_jobs_total"
PREDICTIONS = "trellis_predictions_total"
CONFIDENCE = "trellis_prediction_confidence_bucket"

#: What gateways and workers count, by the labels that are kept.
GATEWAY_COUNTERS: dict[str, Labels] = {
    REQUESTS: (*WHO, "code"),
    DURATION: (*WHO, "le"),
    CACHE_HITS: WHO,
    CACHE_MISSES: WHO,
    JOBS: ("state",),
}
#: What only a predictor knows.
PREDICTOR_COUNTERS: dict[str, Labels] = {
    PREDICTIONS: (*WHO, "label"),
    CONFIDENCE: (*WHO, "le"),
}


class Point(NamedTuple):
    """``value`` is a mean of the time since the point before; ``time`` in seconds since 1970."""

    time: float
    value: float


class Window(NamedTuple):
    """Everything that one look at the metrics gives; ``predictors``: whether any of theirs were asked for.

    ``seconds`` is the window's length; ``increases`` says by how much each counter rose in it.
    ``traffic`` is requests a second and ``latency`` the 95th percentile in seconds, over time.
    """

    seconds: float
    increases: Mapping[str, Values]
    traffic: Mapping[Who, tuple[Point, ...]]
    latency: Mapping[Who, tuple[Point, ...]]
    predictors: bool = True


def who_of(labels: Labels) -> Who:
    """The first three labels."""
    return labels[0], labels[1], labels[2]

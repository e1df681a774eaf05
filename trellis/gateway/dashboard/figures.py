"""The dashboard's figures, from what a source of metrics tells. Pure."""

from collections import defaultdict
from typing import NamedTuple

from trellis.gateway.dashboard.histogram import quantile, shares
from trellis.gateway.dashboard.window import (
    CACHE_HITS,
    CACHE_MISSES,
    CONFIDENCE,
    DURATION,
    JOBS,
    PREDICTIONS,
    REQUESTS,
    Labels,
    Point,
    Values,
    Who,
    Window,
    who_of,
)

NOBODY: Who = ("", "", "")
#: Edges of the bars in which confidence is shown.
CONFIDENCE_EDGES = tuple(tenth / 10 for tenth in range(11))
#: The most labels shown of one version; the rest are summed.
MOST_LABELS = 12


class Traffic(NamedTuple):
    """Requests a second; shares of errors (5xx) and cache hits; percentiles in seconds.

    A figure is None where nothing came that it could be told from.
    """

    requests: float
    errors: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    hits: float | None


class Answers(NamedTuple):
    """What a version answers: shares of its labels, the most frequent first, and of its confidence.

    ``confidence`` has a share for each two neighbours of ``CONFIDENCE_EDGES``.
    """

    rows: float
    labels: tuple[tuple[str, float], ...]
    confidence: tuple[float, ...] | None


class Figures(NamedTuple):
    """All figures of one look. ``refused`` is requests a second that met no version; ``predictors`` as
    in the window.
    """

    seconds: float
    total: Traffic
    refused: float
    versions: dict[Who, Traffic]
    answers: dict[Who, Answers]
    jobs: dict[str, float]
    traffic: dict[Who, tuple[Point, ...]]
    latency: dict[Who, tuple[Point, ...]]
    predictors: bool


def figures_of(window: Window) -> Figures:
    """The figures of a window."""
    requests = _by_who(window, REQUESTS)
    durations = _by_who(window, DURATION)
    hits, misses = _by_who(window, CACHE_HITS), _by_who(window, CACHE_MISSES)
    labels, confidence = _by_who(window, PREDICTIONS), _by_who(window, CONFIDENCE)
    everybody = sorted(
        (requests.keys() | hits.keys() | window.traffic.keys() | labels.keys()) - {NOBODY}
    )

    def of(whos: list[Who]) -> Traffic:
        return Traffic(
            requests=_all(requests, whos) / window.seconds,
            errors=_share(
                sum(_errors(requests[who]) for who in whos if who in requests),
                _all(requests, whos),
            ),
            p50=quantile(0.50, _buckets(durations, whos)),
            p95=quantile(0.95, _buckets(durations, whos)),
            p99=quantile(0.99, _buckets(durations, whos)),
            hits=_share(_all(hits, whos), _all(hits, whos) + _all(misses, whos)),
        )

    return Figures(
        seconds=window.seconds,
        total=of(everybody),
        refused=_all(requests, [NOBODY]) / window.seconds,
        versions={who: of([who]) for who in everybody},
        answers={
            who: Answers(
                rows=sum(labels[who].values()),
                labels=_most_frequent(labels[who]),
                confidence=shares(CONFIDENCE_EDGES, _buckets(confidence, [who])),
            )
            for who in everybody
            if sum(labels.get(who, {}).values()) > 0
        },
        jobs={state: count for (state,), count in sorted(window.increases.get(JOBS, {}).items())},
        traffic={who: points for who, points in window.traffic.items() if who != NOBODY},
        latency={who: points for who, points in window.latency.items() if who != NOBODY},
        predictors=window.predictors,
    )


def _by_who(window: Window, name: str) -> dict[Who, dict[Labels, float]]:
    """A counter's rise, by revision and then by the labels that are left."""
    found: dict[Who, dict[Labels, float]] = defaultdict(dict)
    values: Values = window.increases.get(name, {})
    for labels, value in values.items():
        found[who_of(labels)][labels[3:]] = value
    return dict(found)


def _all(counter: dict[Who, dict[Labels, float]], whos: list[Who]) -> float:
    return sum(sum(counter.get(who, {}).values()) for who in whos)


def _errors(by_code: dict[Labels, float]) -> float:
    return sum(value for (code,), value in by_code.items() if code.startswith("5"))


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _buckets(counter: dict[Who, dict[Labels, float]], whos: list[Who]) -> dict[float, float]:
    found: dict[float, float] = defaultdict(float)
    for who in whos:
        for (edge,), value in counter.get(who, {}).items():
            found[float(edge)] += value
    return found


def _most_frequent(counts: dict[Labels, float]) -> tuple[tuple[str, float], ...]:
    total = sum(counts.values())
    ordered = sorted(
        ((label, count / total) for (label,), count in counts.items() if count > 0),
        key=lambda pair: -pair[1],
    )
    if len(ordered) <= MOST_LABELS:
        return tuple(ordered)
    rest = sum(share for _, share in ordered[MOST_LABELS - 1 :])
    return (*ordered[: MOST_LABELS - 1], ("all others", rest))

"""Series of one pod to its counters by guardrail, pure: queue-proxy's names, and our own.

Both count an answer once, with its status code; an error is a 5xx. A latency guardrail counts the
answers over its threshold, which has to be an edge of the histogram's buckets.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from trellis.contracts.amounts import seconds
from trellis.contracts.rollout import Guardrail
from trellis.contracts.routing_table import LATEST, PREVIOUS
from trellis.rollout.looks import Count, Moments
from trellis.rollout.metrics.exposition import Sample
from trellis.rollout.metrics.port import Counters

PROXY_COUNT = "http_server_request_duration_seconds_count"
PROXY_BUCKET = "http_server_request_duration_seconds_bucket"
PROXY_NAMES = (PROXY_COUNT, PROXY_BUCKET)

OWN_COUNT = "trellis_requests_total"
OWN_BUCKET = "trellis_request_duration_seconds_bucket"
OWN_DURATIONS = "trellis_request_duration_seconds_count"
OWN_SUM = "trellis_request_duration_seconds_sum"
OWN_SQUARES = "trellis_request_duration_seconds_squares_total"
OWN_NAMES = (OWN_COUNT, OWN_BUCKET, OWN_DURATIONS, OWN_SUM, OWN_SQUARES)

MIXED = (
    "meanLatency is told by the predictor itself, which does not tell requests that were split one by "
    "one from those of gateways; use latency with a threshold"
)


class PodTold(NamedTuple):
    """One pod's counters; by guardrail what has to be set first; and how many requests came by a tag."""

    counters: Counters
    problems: Mapping[str, str]
    tagged: float = 0.0


def thresholds(guardrails: Sequence[Guardrail]) -> dict[str, float]:
    """Seconds by name, of the latency guardrails."""
    return {rail.name: seconds(rail.over) for rail in guardrails if rail.over is not None}


def proxy_names(guardrails: Sequence[Guardrail]) -> tuple[str, ...]:
    """Of the families that these need of a queue-proxy: buckets are most of its page."""
    return PROXY_NAMES if thresholds(guardrails) else (PROXY_COUNT,)


def own_names(guardrails: Sequence[Guardrail]) -> tuple[str, ...]:
    """Of the families that these need of a page of ours."""
    timed = any(rail.metric in {"latency", "meanLatency"} for rail in guardrails)
    return OWN_NAMES if timed else (OWN_COUNT,)


def is_tagged(sample: Sample, service: str) -> bool:
    """Whether a request came through the host of a tag, or named one in its header.

    ``kn_route_tag`` has the header, which gateways send; where nobody does and Knative's
    tag-header-based-routing is off, its default, it is ``kn:disabled``. The host is a sign only where
    Knative's activator does not stand between: behind it, ``server_address`` is the pod's.
    """
    if not sample.labels.get("kn_route_tag", "kn:").startswith("kn:"):
        return True
    host = sample.labels.get("server_address", "")
    return any(
        host.startswith((f"{tag}-{service}-predictor", f"{tag}-{service}."))
        for tag in (LATEST, PREVIOUS)
    )


def of_queue_proxy(
    series: Iterable[Sample], service: str, guardrails: Sequence[Guardrail]
) -> PodTold:
    """One pod's counters by its queue-proxy. Raises ``KeyError``, ``ValueError`` for no such page."""
    total = errors = tagged = 0.0
    buckets: dict[float, float] = {}
    for sample in series:
        by_tag = is_tagged(sample, service)
        if sample.name == PROXY_COUNT:
            if by_tag:
                tagged += sample.value
                continue
            total += sample.value
            if _is_error(sample.labels.get("http_response_status_code", "")):
                errors += sample.value
        elif not by_tag:
            edge = float(sample.labels["le"])
            buckets[edge] = buckets.get(edge, 0.0) + sample.value
    counts, problems = _over(PROXY_BUCKET, buckets, total, guardrails)
    counts |= {rail.name: Count(errors, total) for rail in guardrails if rail.metric == "errors"}
    return PodTold(Counters(total + tagged, counts, tagged=tagged), problems, tagged)


def of_trellis(series: Iterable[Sample], revision: str, guardrails: Sequence[Guardrail]) -> PodTold:
    """One revision's counters of a page of ours, a predictor's or a gateway's.

    Raises ``KeyError``, ``ValueError`` for no such page.
    """
    total = errors = durations = duration_sum = squares = 0.0
    buckets: dict[float, float] = {}
    for sample in series:
        if sample.labels.get("revision") != revision:
            continue
        match sample.name:
            case "trellis_requests_total":
                total += sample.value
                errors += sample.value * _is_error(sample.labels.get("code", ""))
            case "trellis_request_duration_seconds_bucket":
                edge = float(sample.labels["le"])
                buckets[edge] = buckets.get(edge, 0.0) + sample.value
            case "trellis_request_duration_seconds_count":
                durations += sample.value
            case "trellis_request_duration_seconds_sum":
                duration_sum += sample.value
            case "trellis_request_duration_seconds_squares_total":
                squares += sample.value
    counts, problems = _over(OWN_BUCKET, buckets, durations, guardrails)
    counts |= {rail.name: Count(errors, total) for rail in guardrails if rail.metric == "errors"}
    moments = {
        rail.name: Moments(durations, duration_sum, squares)
        for rail in guardrails
        if rail.metric == "meanLatency"
    }
    return PodTold(Counters(total, counts, moments), problems)


def _over(
    family: str, buckets: Mapping[float, float], total: float, guardrails: Sequence[Guardrail]
) -> tuple[dict[str, Count], dict[str, str]]:
    """By latency guardrail how many took longer, or why that cannot be told.

    Without any request there are no buckets yet; with some, that there are none says nothing of them.
    """
    counts: dict[str, Count] = {}
    problems: dict[str, str] = {}
    edges = ", ".join(f"{edge:g}" for edge in sorted(buckets) if edge < math.inf)
    for name, threshold in thresholds(guardrails).items():
        edge = next((edge for edge in buckets if math.isclose(edge, threshold)), None)
        if edge is not None:
            counts[name] = Count(max(0.0, total - buckets[edge]), total)
        elif not buckets and not total:
            counts[name] = Count(0.0, 0.0)
        elif not buckets:
            problems[name] = f"no buckets of {family} are exported, though {total:g} requests were"
        else:
            problems[name] = (
                f"{threshold:g} s is no edge of the buckets that count its requests;"
                f" take one of {edges} s"
            )
    return counts, problems


def _is_error(code: str) -> bool:
    return code.startswith("5") and len(code) == 3

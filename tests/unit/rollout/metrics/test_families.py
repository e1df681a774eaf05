"""Series to counters: what an error is, which requests were split one by one, where edges are."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.unit.rollout.metrics.readings import ERRORS, LATENCY, MEAN
from trellis.contracts.rollout import Guardrail
from trellis.rollout.looks import Count
from trellis.rollout.metrics.exposition import Sample, samples
from trellis.rollout.metrics.families import (
    OWN_COUNT,
    OWN_NAMES,
    PROXY_BUCKET,
    PROXY_COUNT,
    PROXY_NAMES,
    of_queue_proxy,
    of_trellis,
    own_names,
    proxy_names,
)
from trellis.telemetry.metrics import ServingMetrics

DIRECT = "tomato.trellis.example.com"


def proxied(code: int, value: float, host: str = DIRECT, tag: str = "kn:disabled") -> list[Sample]:
    """``value`` answers, half of them over 250 ms."""
    labels = {"http_response_status_code": str(code), "kn_route_tag": tag, "server_address": host}
    edges = {"0.1": 0.0, "0.25": value / 2, "0.5": value, "+Inf": value}
    buckets = [Sample(PROXY_BUCKET, {**labels, "le": le}, n) for le, n in edges.items()]
    return [Sample(PROXY_COUNT, labels, value), *buckets]


def test_a_5xx_is_an_error_and_a_4xx_is_none() -> None:
    series = [*proxied(200, 90), *proxied(404, 6), *proxied(500, 3), *proxied(502, 1)]
    told = of_queue_proxy(series, "tomato", [ERRORS, LATENCY])
    assert told.counters.counts == {"errors": Count(4, 100), LATENCY.name: Count(50, 100)}
    assert (told.counters.requests, told.tagged, told.problems) == (100, 0, {})


def test_requests_of_tags_are_left_out_by_host_and_by_header() -> None:
    series = [
        *proxied(200, 10),
        *proxied(200, 5, tag="kn:default"),
        *proxied(500, 20, host="latest-tomato-predictor.trellis.example.com"),
        *proxied(500, 30, host="prev-tomato-predictor.trellis"),
        *proxied(500, 40, tag="latest"),
    ]
    told = of_queue_proxy(series, "tomato", [ERRORS])
    assert told.counters.counts["errors"] == Count(0, 15)
    assert (told.tagged, told.counters.requests) == (90, 105)


def test_a_service_that_is_called_like_a_tag_is_not_taken_for_one() -> None:
    series = proxied(500, 10, host="latest-tomato-predictor.trellis.example.com")
    assert of_queue_proxy(series, "latest-tomato", [ERRORS]).tagged == 0


def test_a_threshold_between_edges_is_told_with_the_edges() -> None:
    between = Guardrail(metric="latency", over="300ms")
    told = of_queue_proxy(proxied(200, 10), "tomato", [between, ERRORS])
    assert told.counters.counts == {"errors": Count(0, 10)}
    assert told.problems[between.name].endswith("take one of 0.1, 0.25, 0.5 s")


def test_a_pod_without_any_request_counts_nothing_and_is_well() -> None:
    told = of_queue_proxy([], "tomato", [ERRORS, LATENCY])
    assert told.counters.counts == {"errors": Count(0, 0), LATENCY.name: Count(0, 0)}
    assert not told.problems


def test_our_own_page_is_read_by_revision() -> None:
    registry = CollectorRegistry()
    metrics = ServingMetrics(registry)
    for revision, codes, seconds in (("v1", (200, 200, 500), 0.5), ("v2", (200, 429), 0.125)):
        who = ("tomato", revision, revision)
        for code in codes:
            metrics.requests.labels(*who, str(code), "v2").inc()
            metrics.duration.labels(*who).observe(seconds)
            metrics.duration_squares.labels(*who).inc(seconds**2)
    page = samples(generate_latest(registry), OWN_NAMES)
    told = of_trellis(page, "v1", [ERRORS, LATENCY, MEAN])
    assert told.counters.counts == {"errors": Count(1, 3), LATENCY.name: Count(3, 3)}
    assert told.counters.moments["meanLatency"] == (3, 1.5, 0.75)
    told = of_trellis(samples(generate_latest(registry), OWN_NAMES), "v2", [ERRORS, LATENCY])
    assert told.counters.counts == {"errors": Count(0, 2), LATENCY.name: Count(0, 2)}


@pytest.mark.parametrize(
    ("rails", "of_proxy", "own"),
    [
        ([], (PROXY_COUNT,), (OWN_COUNT,)),
        ([ERRORS], (PROXY_COUNT,), (OWN_COUNT,)),
        ([ERRORS, LATENCY], PROXY_NAMES, OWN_NAMES),
        ([MEAN], (PROXY_COUNT,), OWN_NAMES),
    ],
    ids=["none", "errors", "latency", "mean"],
)
def test_buckets_are_read_where_a_guardrail_needs_them(
    rails: list[Guardrail], of_proxy: tuple[str, ...], own: tuple[str, ...]
) -> None:
    assert (proxy_names(rails), own_names(rails)) == (of_proxy, own)


def test_requests_without_buckets_are_no_fast_ones() -> None:
    """Which some settings of Knative's export leave out."""
    counts = [sample for sample in proxied(200, 10) if sample.name == PROXY_COUNT]
    told = of_queue_proxy(counts, "tomato", [ERRORS, LATENCY])
    assert told.counters.counts == {"errors": Count(0, 10)}
    assert told.problems == {
        LATENCY.name: f"no buckets of {PROXY_BUCKET} are exported, though 10 requests were"
    }

"""Metric names, labels and buckets, as the design has them."""

from itertools import pairwise

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from trellis.telemetry.metrics import (
    BATCH_BUCKETS,
    CONFIDENCE_BUCKETS,
    DURATION_BUCKETS,
    WHO,
    GatewayMetrics,
    ServingMetrics,
)


def test_durations_have_forty_edges_from_half_a_millisecond_to_a_minute() -> None:
    assert len(DURATION_BUCKETS) == 40
    assert (DURATION_BUCKETS[0], DURATION_BUCKETS[-1]) == (0.0005, 60.0)
    ratios = [after / before for before, after in pairwise(DURATION_BUCKETS)]
    assert min(ratios) > 1.2
    assert max(ratios) < 1.7


@pytest.mark.parametrize("edge", [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0])
def test_thresholds_that_people_write_are_edges(edge: float) -> None:
    assert edge in DURATION_BUCKETS


def test_other_buckets_rise() -> None:
    for edges in (BATCH_BUCKETS, CONFIDENCE_BUCKETS):
        assert list(edges) == sorted(set(edges))
    assert CONFIDENCE_BUCKETS[-1] == 1.0


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        (
            ServingMetrics,
            {
                "trellis_requests_total",
                "trellis_request_duration_seconds",
                "trellis_request_duration_seconds_squares_total",
                "trellis_request_phase_duration_seconds",
                "trellis_inflight_requests",
                "trellis_queue_depth",
                "trellis_batch_size",
                "trellis_predictions_total",
                "trellis_prediction_confidence",
                "trellis_prediction_confidence_squares_total",
                "trellis_loaded_model_versions",
            },
        ),
        (
            GatewayMetrics,
            {
                "trellis_requests_total",
                "trellis_request_duration_seconds",
                "trellis_inflight_requests",
                "trellis_routing_table_version",
                "trellis_routing_table_refused_total",
            },
        ),
    ],
    ids=["serving", "gateway"],
)
def test_names_and_labels(metrics: type[ServingMetrics | GatewayMetrics], names: set[str]) -> None:
    registry = CollectorRegistry()
    made = metrics(registry)
    for metric in vars(made).values():
        labels = metric._labelnames
        if labels:
            # Either of a revision, or of none at all: never of half of one.
            assert labels[:3] == WHO or not set(labels) & {"version", "revision"}
            metric.labels(*labels)
    families = text_string_to_metric_families(generate_latest(registry).decode())
    found = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in families
        if not family.name.endswith("_created")
    }
    assert names <= found

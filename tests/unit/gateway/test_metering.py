from prometheus_client import CollectorRegistry, generate_latest

from trellis.gateway.metering import KEPT_SECONDS, Meters
from trellis.telemetry.metrics import GatewayMetrics

WHO = {"model": "m", "version": "v1", "revision": "r1"}


def test_requests_are_counted_by_arm_code_and_protocol() -> None:
    registry = CollectorRegistry()
    meters = Meters(GatewayMetrics(registry))
    meter = meters.of("m", "v1", "r1")
    for code, grpc in ((200, False), (200, False), (503, False), (200, True), (504, True)):
        meter.started()
        meter.finished(code, 0.25, grpc=grpc)

    def count(code: str, protocol: str) -> float | None:
        labels = {**WHO, "code": code, "protocol": protocol}
        return registry.get_sample_value("trellis_requests_total", labels)

    assert (count("200", "rest"), count("503", "rest")) == (2, 1)
    assert (count("200", "grpc"), count("504", "grpc")) == (1, 1)
    assert registry.get_sample_value("trellis_inflight_requests", WHO) == 0
    assert registry.get_sample_value("trellis_request_duration_seconds_count", WHO) == 5
    assert registry.get_sample_value("trellis_request_duration_seconds_sum", WHO) == 1.25


def test_what_is_inside_shows() -> None:
    registry = CollectorRegistry()
    meter = Meters(GatewayMetrics(registry)).of("m", "v1", "r1")
    meter.started()
    assert registry.get_sample_value("trellis_inflight_requests", WHO) == 1


def test_a_request_that_met_no_arm_has_no_callers_text_in_its_labels() -> None:
    registry = CollectorRegistry()
    Meters(GatewayMetrics(registry)).refused(404)
    labels = {"model": "", "version": "", "revision": "", "code": "404", "protocol": "rest"}
    assert registry.get_sample_value("trellis_requests_total", labels) == 1


def test_an_arm_keeps_its_meter_over_tables() -> None:
    meters = Meters(GatewayMetrics(CollectorRegistry()))
    assert meters.of("m", "v1", "r1") is meters.of("m", "v1", "r1")


def test_a_request_that_another_arm_answers_is_in_flight_there_and_counted_here() -> None:
    registry = CollectorRegistry()
    meter = Meters(GatewayMetrics(registry)).of("m", "v1", "r1")
    meter.started()
    meter.left()
    meter.fell_back()
    assert registry.get_sample_value("trellis_inflight_requests", WHO) == 0
    assert registry.get_sample_value("trellis_fallbacks_total", WHO) == 1
    assert registry.get_sample_value("trellis_request_duration_seconds_count", WHO) == 0


def test_the_series_of_arms_that_left_long_ago_are_dropped() -> None:
    registry = CollectorRegistry()
    metrics = GatewayMetrics(registry)
    meters = Meters(metrics)
    revisions = [("m", "v1", f"r{number}") for number in range(50)]
    for number, who in enumerate(revisions):
        meter = meters.of(*who)
        for grpc in (False, True):
            meter.started()
            meter.finished(200, 0.25, grpc=grpc)
        meter.fell_back()
        metrics.cache_hits.labels(*who).inc()
        meters.in_use({who}, number * KEPT_SECONDS)
    page = generate_latest(registry).decode()
    told = {revision for _, _, revision in revisions if f'revision="{revision}"' in page}
    # The last one left at the last table; what it counted is still to be read.
    assert told == {"r48", "r49"}


def test_an_arm_that_comes_back_in_time_counts_on() -> None:
    meters = Meters(GatewayMetrics(CollectorRegistry()))
    who = ("m", "v1", "r1")
    meter = meters.of(*who)
    meters.in_use(set(), 0.0)
    meters.in_use({who}, KEPT_SECONDS - 1)
    meters.in_use(set(), KEPT_SECONDS)
    meters.in_use(set(), 2 * KEPT_SECONDS - 1)
    assert meters.of(*who) is meter

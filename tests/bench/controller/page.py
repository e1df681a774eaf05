"""The two metrics pages of a pod, as long as real ones are: reading them is most of a look's cost.

A queue-proxy of Knative 1.21 that was asked through one host has 50 KB of them, and 38 KB more for each
further status code; a predictor's are written by its own code.
"""

from collections.abc import Iterator, Mapping
from functools import cache

from prometheus_client import CollectorRegistry, generate_latest

from trellis.telemetry.metrics import ServingMetrics

#: The first buckets are empty, the others hold all: only that there are so many matters.
_SECONDS = ("0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75", "1", "2.5", "5",
            "7.5", "10", "+Inf")  # fmt: skip
_BYTES = ("0", "5", "10", "25", "50", "75", "100", "250", "500", "750", "1000", "2500", "5000", "7500",
          "10000", "+Inf")  # fmt: skip
_OTEL = 'otel_scope_name="go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp",otel_scope_schema_url="",otel_scope_version="0.64.0"'
_FAMILIES = (
    ("http_server_request_duration_seconds", _SECONDS, "@host@"),
    ("http_server_request_body_size_bytes", _BYTES, "@host@"),
    ("http_server_response_body_size_bytes", _BYTES, "@host@"),
    ("http_client_request_duration_seconds", _SECONDS, "127.0.0.1"),
    ("http_client_request_body_size_bytes", _BYTES, "127.0.0.1"),
    ("kn_serving_invocation_duration_seconds", _SECONDS, ""),
)
#: Series of Go's own, about as many as it has.
_GO = 60
#: A number that is nowhere else on a predictor's page.
_COUNT = 987654321


def proxy_page(host: str, counted: Mapping[str, int]) -> bytes:
    """A queue-proxy's, by status code; all requests came through ``host`` and were split one by one."""
    parts = [_go()]
    for code, number in counted.items():
        parts.append(_of_code(code).replace(b"@count@", b"%d" % number))
    return b"".join(parts).replace(b"@host@", host.encode())


@cache
def _of_code(code: str) -> bytes:
    return "".join(f"{line}\n" for line in _lines(code)).encode()


def _lines(code: str) -> Iterator[str]:
    for name, edges, address in _FAMILIES:
        labels = f'http_request_method="POST",http_response_status_code="{code}",kn_route_tag="kn:disabled",network_protocol_name="http",network_protocol_version="1.1",{_OTEL},server_address="{address}",url_scheme="http"'
        for place, edge in enumerate(edges):
            yield f'{name}_bucket{{{labels},le="{edge}"}} {"@count@" if place else 0}'
        yield f"{name}_sum{{{labels}}} @count@"
        yield f"{name}_count{{{labels}}} @count@"


@cache
def _go() -> bytes:
    return "".join(
        f"# TYPE go_series_{number}_bytes gauge\ngo_series_{number}_bytes{{{_OTEL}}} {number}\n"
        for number in range(_GO)
    ).encode()


def own_page(revision: str, answered: int) -> bytes:
    """A predictor's, after so many requests."""
    page = _own().replace(b"@revision@", revision.encode())
    return page.replace(b"%.8e" % _COUNT, b"%d" % answered)


@cache
def _own() -> bytes:
    registry = CollectorRegistry()
    metrics, who = ServingMetrics(registry), ("tomato", "v1", "@revision@")
    metrics.requests.labels(*who, "200", "v2").inc(_COUNT)
    for phase in ("read", "decode", "wait", "predict", "encode"):
        metrics.phase.labels(*who, phase).observe(0.01)
    for label in range(10):
        metrics.predictions.labels(*who, str(label)).inc()
    metrics.duration.labels(*who).observe(0.01)
    metrics.duration_squares.labels(*who).inc(0.0001)
    metrics.batch_size.labels(*who).observe(1)
    metrics.confidence.labels(*who).observe(0.9)
    metrics.loaded.labels(*who).set(1)
    return generate_latest(registry)

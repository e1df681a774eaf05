"""Counts and times of requests by arm, with the label look-ups done once an arm.

``code`` is an HTTP status in both protocols (gRPC's are mapped by the design's table), so that
"an error is a 5xx" is one rule.
"""

from trellis.telemetry.metrics import GatewayMetrics


class ArmMeter:
    """The counters of one arm; from ``Meters.of``."""

    def __init__(self, metrics: GatewayMetrics, model: str, version: str, revision: str) -> None:
        self._who = (model, version, revision)
        self._requests = metrics.requests
        self._duration = metrics.duration.labels(*self._who)
        self._inflight = metrics.inflight.labels(*self._who)
        self._by_code = {200: metrics.requests.labels(*self._who, "200", "rest")}
        self._by_code_grpc = {200: metrics.requests.labels(*self._who, "200", "grpc")}

    def started(self) -> None:
        """One more in flight."""
        self._inflight.inc()

    def finished(self, code: int, seconds: float, *, grpc: bool = False) -> None:
        """One less in flight; counted under ``code`` with its duration in seconds."""
        self._inflight.dec()
        by_code = self._by_code_grpc if grpc else self._by_code
        counter = by_code.get(code)
        if counter is None:
            counter = self._requests.labels(*self._who, str(code), "grpc" if grpc else "rest")
            by_code[code] = counter
        counter.inc()
        self._duration.observe(seconds)


class Meters:
    """The meters of all arms, kept over changes of the table."""

    def __init__(self, metrics: GatewayMetrics) -> None:
        self._metrics = metrics
        self._arms: dict[tuple[str, str, str], ArmMeter] = {}

    def of(self, model: str, version: str, revision: str) -> ArmMeter:
        """The meter of one arm, by the name that clients ask for."""
        key = (model, version, revision)
        meter = self._arms.get(key)
        if meter is None:
            meter = self._arms[key] = ArmMeter(self._metrics, *key)
        return meter

    def refused(self, code: int, *, grpc: bool = False) -> None:
        """Count a request that met no arm, under empty labels: a caller's text is no label."""
        self._metrics.requests.labels("", "", "", str(code), "grpc" if grpc else "rest").inc()

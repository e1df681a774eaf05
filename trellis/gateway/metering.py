"""Counts and times of requests by arm, with the label look-ups done once an arm.

``code`` is an HTTP status in both protocols (gRPC's are mapped by the design's table), so that
"an error is a 5xx" is one rule. All of it is counted on the event loop's thread.
"""

from collections.abc import Callable, Collection

from trellis.telemetry.metrics import GatewayMetrics
from trellis.telemetry.observers import adder, observer

#: Model, version and revision.
Who = tuple[str, str, str]

#: Seconds for which the series of an arm that has left the table stay at least: some scrapes.
KEPT_SECONDS = 600.0


class ArmMeter:
    """The counters of one arm; from ``Meters.of``."""

    def __init__(self, metrics: GatewayMetrics, model: str, version: str, revision: str) -> None:
        self._who = (model, version, revision)
        self._metrics = metrics
        self._requests = metrics.requests
        self._observe = observer(metrics.duration.labels(*self._who))
        self._add_inflight = adder(metrics.inflight.labels(*self._who))
        self._fallbacks = metrics.fallbacks.labels(*self._who)
        self._rest: dict[int, Callable[[float], None]] = {}
        self._grpc: dict[int, Callable[[float], None]] = {}

    def started(self) -> None:
        """One more in flight."""
        self._add_inflight(1)

    def left(self) -> None:
        """One less in flight, which another arm answers."""
        self._add_inflight(-1)

    def fell_back(self) -> None:
        """A request of this arm's units goes to another arm."""
        self._fallbacks.inc()

    def forget(self) -> None:
        """Take the arm's series from the page."""
        metrics = self._metrics
        for metric in (
            metrics.duration,
            metrics.inflight,
            metrics.fallbacks,
            metrics.ejections,
            metrics.cache_hits,
            metrics.cache_misses,
        ):
            metric.remove(*self._who)
        for protocol, by_code in (("rest", self._rest), ("grpc", self._grpc)):
            for code in by_code:
                self._requests.remove(*self._who, str(code), protocol)

    def finished(self, code: int, seconds: float, *, grpc: bool = False) -> None:
        """One less in flight; counted under ``code`` with its duration in seconds."""
        self._add_inflight(-1)
        by_code = self._grpc if grpc else self._rest
        add = by_code.get(code)
        if add is None:
            protocol = "grpc" if grpc else "rest"
            add = adder(self._requests.labels(*self._who, str(code), protocol))
            by_code[code] = add
        add(1)
        self._observe(seconds)


class Meters:
    """The meters of all arms, kept over changes of the table.

    Those of an arm that has left are kept for a while: what it counted last is still to be read.
    """

    def __init__(self, metrics: GatewayMetrics) -> None:
        self._metrics = metrics
        self._arms: dict[Who, ArmMeter] = {}
        self._left: dict[Who, float] = {}

    def of(self, model: str, version: str, revision: str) -> ArmMeter:
        """The meter of one arm, by the name that clients ask for."""
        key = (model, version, revision)
        meter = self._arms.get(key)
        if meter is None:
            meter = self._arms[key] = ArmMeter(self._metrics, *key)
        return meter

    def in_use(self, arms: Collection[Who], now: float) -> None:
        """A new table has these arms, and no others; ``now`` in seconds of one monotonic clock."""
        self._left = {who: self._left.get(who, now) for who in self._arms if who not in arms}
        for who, since in list(self._left.items()):
            if now - since >= KEPT_SECONDS:
                del self._left[who]
                self._arms.pop(who).forget()

    def refused(self, code: int, *, grpc: bool = False) -> None:
        """Count a request that met no arm, under empty labels: a caller's text is no label."""
        self._metrics.requests.labels("", "", "", str(code), "grpc" if grpc else "rest").inc()

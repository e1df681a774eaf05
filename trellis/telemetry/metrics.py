"""Every metric's name, labels and buckets, in one place.

Labels ``model``, ``version`` and ``revision`` stand on each. An error is a 5xx: a ``code`` of
the 400s never counts as one.
"""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

WHO = ("model", "version", "revision")


#: Seconds, 40 edges from 0.5 ms to 60 s, near to evenly spaced in their logarithm (eight a
#: decade) and rounded so that the thresholds people write (1, 5, 10, 25, 50, 100, 250, 500 ms,
#: 1 s) are edges: a latency guardrail can only count over an edge.
DURATION_BUCKETS = (
    *(
        round(edge * 10**power, 7)
        for power in range(-4, 0)
        for edge in (5, 7.5, 10, 13, 18, 25, 32, 40)
    ),
    *(5.0, 7.5, 10.0, 13.0, 18.0, 25.0, 40.0, 60.0),
)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
CONFIDENCE_BUCKETS = tuple(i / 20 for i in range(1, 21))

PHASES = ("decode", "queue", "predict", "encode")


class ServingMetrics:
    """What a predictor process exports, on ``registry``."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.requests = Counter(
            "trellis_requests_total",
            "Requests answered, by status code and protocol",
            (*WHO, "code", "protocol"),
            registry=registry,
        )
        self.duration = Histogram(
            "trellis_request_duration_seconds",
            "From the request's arrival to its answer",
            WHO,
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self.duration_squares = Counter(
            "trellis_request_duration_seconds_squares_total",
            "Sum of squared durations, for a variance beside the mean",
            WHO,
            registry=registry,
        )
        self.phase = Histogram(
            "trellis_request_phase_duration_seconds",
            "Time in each phase of a request",
            (*WHO, "phase"),
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self.inflight = Gauge(
            "trellis_inflight_requests",
            "Requests accepted and not yet answered",
            WHO,
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.queue_depth = Gauge(
            "trellis_queue_depth",
            "Rows waiting for a batch",
            WHO,
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.batch_size = Histogram(
            "trellis_batch_size",
            "Rows in a batch",
            WHO,
            buckets=BATCH_BUCKETS,
            registry=registry,
        )
        self.predictions = Counter(
            "trellis_predictions_total",
            "Rows by predicted label",
            (*WHO, "label"),
            registry=registry,
        )
        self.confidence = Histogram(
            "trellis_prediction_confidence",
            "Probability of the predicted label",
            WHO,
            buckets=CONFIDENCE_BUCKETS,
            registry=registry,
        )
        self.confidence_squares = Counter(
            "trellis_prediction_confidence_squares_total",
            "Sum of squared confidences, for a variance beside the mean",
            WHO,
            registry=registry,
        )
        self.loaded = Gauge(
            "trellis_loaded_model_versions",
            "1 where the version is in memory",
            WHO,
            registry=registry,
            multiprocess_mode="livemax",
        )


class GatewayMetrics:
    """What a gateway process exports, on ``registry``. ``code`` is what the caller got."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.requests = Counter(
            "trellis_requests_total",
            "Requests answered, by status code and protocol",
            (*WHO, "code", "protocol"),
            registry=registry,
        )
        self.duration = Histogram(
            "trellis_request_duration_seconds",
            "From the request's arrival to its answer",
            WHO,
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self.inflight = Gauge(
            "trellis_inflight_requests",
            "Requests accepted and not yet answered",
            WHO,
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.table_version = Gauge(
            "trellis_routing_table_version",
            "Version of the routing table in use",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.table_refused = Counter(
            "trellis_routing_table_refused_total",
            "Routing tables that could not be read and were not put in use",
            registry=registry,
        )

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
        self.access_refused = Counter(
            "trellis_access_refused_total",
            "Requests refused for their key or limit, by reason",
            ("reason",),
            registry=registry,
        )
        self.limits_unchecked = Counter(
            "trellis_limits_unchecked_total",
            "Requests let pass without a limit, since its Redis was away",
            registry=registry,
        )
        self.cache_hits = Counter(
            "trellis_cache_hits_total",
            "Requests answered with an answer that another request's computation gave",
            WHO,
            registry=registry,
        )
        self.cache_misses = Counter(
            "trellis_cache_misses_total",
            "Requests that the cache was asked for and that were computed",
            WHO,
            registry=registry,
        )
        self.circuit_open = Gauge(
            "trellis_circuit_open",
            "1 while this helper is slow or gone and is not asked",
            ("circuit",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.exposures = Counter(
            "trellis_exposures_total",
            "Requests of recorded models that met an arm, by the arm that the unit was assigned to",
            ("experiment", "arm"),
            registry=registry,
        )
        self.outcomes = Counter(
            "trellis_outcomes_total",
            "Feedback by kind and by what became of it: recorded, repeated, conflict, unknown",
            ("kind", "result"),
            registry=registry,
        )
        self.events_dropped = Counter(
            "trellis_events_dropped_total",
            "Exposures that were not stored (no_redis, buffer, unwritable, dropped, ended) or can get no feedback (unjoined)",
            ("reason",),
            registry=registry,
        )
        self.ejected = Gauge(
            "trellis_ejected_arms",
            "1 while an arm that failed again and again is left alone or on trial",
            WHO,
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.ejections = Counter(
            "trellis_ejections_total",
            "Times that an arm was left alone after failures in a row",
            WHO,
            registry=registry,
        )
        self.fallbacks = Counter(
            "trellis_fallbacks_total",
            "Requests of this arm's units that another arm answered, since this one was down",
            WHO,
            registry=registry,
        )
        self.job_waiters = Gauge(
            "trellis_job_waiters",
            "Callers that wait for a job's end",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.callbacks = Counter(
            "trellis_callbacks_total",
            "Attempts to call back, by outcome: delivered, failed (tried again), gone, given_up, expired",
            ("outcome",),
            registry=registry,
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
        self.jobs = Counter(
            "trellis_jobs_total",
            "Jobs accepted, started, retried and ended, by what became of them",
            ("state",),
            registry=registry,
        )
        self.jobs_backlog = Gauge(
            "trellis_jobs_backlog",
            "Jobs of the whole store by where they are: queued, delayed, pending, dead",
            ("state",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.jobs_wait = Histogram(
            "trellis_job_wait_seconds",
            "From a job's acceptance, or its last attempt's due time, to its start",
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self.jobs_fenced = Counter(
            "trellis_jobs_fenced_total",
            "Answers that were not stored, for the job had gone to another worker, was cancelled or lost",
            registry=registry,
        )
        self.jobs_reclaimed = Counter(
            "trellis_jobs_reclaimed_total",
            "Jobs taken from a worker that gave no sign of life for a whole lease",
            registry=registry,
        )
        self.jobs_store_lost = Counter(
            "trellis_jobs_store_lost_total",
            "Times that this process found the jobs' Redis emptied",
            registry=registry,
        )


class ControllerMetrics:
    """What the controller exports, on ``registry``."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.passes = Counter(
            "trellis_controller_passes_total",
            "Looks at one rollout, by outcome: done, conflict (it changed meanwhile), unreachable, refused, failed",
            ("outcome",),
            registry=registry,
        )
        self.pass_duration = Histogram(
            "trellis_controller_pass_duration_seconds",
            "One look at one rollout, its scrapes and writes included",
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self.verdicts = Counter(
            "trellis_controller_verdicts_total",
            "Verdicts that changed a rollout's last one, by kind",
            ("kind",),
            registry=registry,
        )
        self.api_errors = Counter(
            "trellis_controller_api_errors_total",
            "Calls to the Kubernetes API that failed, by HTTP status or `unreachable`",
            ("code",),
            registry=registry,
        )
        self.watching = Gauge(
            "trellis_controller_watching",
            "1 while changes of this kind are heard; 0 while the API server is away or refuses",
            ("kind",),
            registry=registry,
        )
        self.admissions = Counter(
            "trellis_controller_admissions_total",
            "InferenceServices that the webhook was asked about, by what it did: held, restored, unchanged",
            ("action",),
            registry=registry,
        )
        self.notifications = Counter(
            "trellis_controller_notifications_total",
            "Attempts to tell a target of a rollout's step: delivered, failed (tried again), gone, given_up",
            ("outcome",),
            registry=registry,
        )
        self.rollouts = Gauge(
            "trellis_rollouts",
            "Rollouts by phase",
            ("phase",),
            registry=registry,
        )
        self.experiments = Gauge(
            "trellis_experiments",
            "Experiments by phase",
            ("phase",),
            registry=registry,
        )

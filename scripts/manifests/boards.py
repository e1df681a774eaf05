"""The Grafana boards of ``manifests/components/monitoring``."""

import json
from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry

from scripts.manifests.panels import DATA_SOURCE, Panel, placed
from scripts.manifests.series import mean, name, quantile, rate, share
from trellis.telemetry.metrics import GatewayMetrics, ServingMetrics

REVISION = "model, version, revision"
LEGEND = "{{model}} {{version}} ({{revision}})"
#: queue-proxy's own names: Knative, config-observability, request-metrics-protocol.
PROXY_REQUESTS = "http_server_request_duration_seconds_count"


def predictors_board() -> str:
    """``predictors.json``: models, versions and revisions, as the predictors see them."""
    metrics = ServingMetrics(CollectorRegistry())
    who = 'job="predictors", namespace=~"$namespace", model=~"$model"'
    requests = name(metrics.requests)
    beside = 'job="queue-proxy", namespace=~"$namespace"'
    return _board(
        "trellis-predictors",
        "Trellis predictors",
        model_of=requests,
        panels=[
            *_answers(
                metrics,
                who,
                "Answers a second of each revision: during a canary, the split as it is.",
                "Share of answers that are 5xx. A 4xx is the caller's and never counts.",
            ),
            Panel(
                "Time of a request, by phase",
                "Where the mean request spends its time; `queue` is waiting for a batch.",
                [(mean(metrics.phase, who, f"{REVISION}, phase"), f"{{{{phase}}}} {LEGEND}")],
                "s",
            ),
            Panel(
                "In flight and waiting",
                "Requests accepted and not answered, and rows that wait for a batch.",
                [
                    (f"sum by ({REVISION}) ({name(metrics.inflight)}{{{who}}})", LEGEND),
                    (
                        f"sum by ({REVISION}) ({name(metrics.queue_depth)}{{{who}}})",
                        f"rows {LEGEND}",
                    ),
                ],
                "short",
            ),
            Panel(
                "Rows in a batch",
                "The mean; 1 means that requests come one at a time.",
                [(mean(metrics.batch_size, who, REVISION), LEGEND)],
                "short",
            ),
            Panel(
                "Predicted labels",
                "Rows a second by label. Another mix than before is drift, of the data or of the version.",
                [
                    (
                        rate(name(metrics.predictions), who, f"{REVISION}, label"),
                        f"{{{{label}}}} {LEGEND}",
                    )
                ],
                "short",
            ),
            Panel(
                "Confidence",
                "The mean probability of the predicted label.",
                [(mean(metrics.confidence, who, REVISION), LEGEND)],
                "percentunit",
            ),
            Panel(
                "Replicas",
                "Processes that have the version in memory.",
                [(f"sum by ({REVISION}) ({name(metrics.loaded)}{{{who}}})", LEGEND)],
                "short",
            ),
            Panel(
                "Requests, by queue-proxy",
                "Counted beside the predictor, so that an answer which it died over counts too.",
                [(rate(PROXY_REQUESTS, beside, "knative_revision"), "{{knative_revision}}")],
                "reqps",
            ),
        ],
    )


def gateway_board() -> str:
    """``gateway.json``: what callers got, the routing table in use, and what is beside requests."""
    metrics = GatewayMetrics(CollectorRegistry())
    who = 'job="gateway", namespace=~"$namespace", model=~"$model"'
    here = 'job="gateway", namespace=~"$namespace"'
    requests = name(metrics.requests)
    return _board(
        "trellis-gateway",
        "Trellis gateway",
        model_of=requests,
        panels=[
            *_answers(
                metrics,
                who,
                "Answers a second, by the revision that gave them.",
                "Share of answers that are 5xx, as the caller got them.",
            ),
            Panel(
                "In flight",
                "Requests accepted and not answered.",
                [(f"sum by ({REVISION}) ({name(metrics.inflight)}{{{who}}})", LEGEND)],
                "short",
            ),
            Panel(
                "Routing table",
                "Version in use; gateways that differ for long cannot reach its address.",
                [(f"{name(metrics.table_version)}{{{here}}}", "{{instance}}")],
                "short",
            ),
            Panel(
                "Routing tables refused",
                "Tables that could not be read; the one before stays in use.",
                [
                    (
                        rate(name(metrics.table_refused), here, "instance"),
                        "{{instance}}",
                    )
                ],
                "short",
            ),
            *_arms(metrics, who),
            *_access(metrics, here),
            *_experiments(metrics, 'job=~"gateway|worker", namespace=~"$namespace"'),
            *_jobs(metrics, 'job=~"gateway|worker", namespace=~"$namespace"'),
        ],
    )


def _arms(metrics: GatewayMetrics, who: str) -> list[Panel]:
    """The cache, and arms that are left alone."""
    hits, misses = (
        rate(name(it), who, REVISION) for it in (metrics.cache_hits, metrics.cache_misses)
    )
    return [
        Panel(
            "Cache hits",
            "Share of the requests that the cache was asked for and that it answered.",
            [(f"{hits} / ({hits} + {misses})", LEGEND)],
            "percentunit",
        ),
        Panel(
            "Arms left alone",
            "Gateways that ejected the arm after failures in a row, and how often that begins.",
            [
                (f"sum by ({REVISION}) ({name(metrics.ejected)}{{{who}}})", LEGEND),
                (rate(name(metrics.ejections), who, REVISION), f"begins {LEGEND}"),
            ],
            "short",
        ),
        Panel(
            "Answered by another arm",
            "Requests a second of this arm's units, while it was down.",
            [(rate(name(metrics.fallbacks), who, REVISION), LEGEND)],
            "reqps",
        ),
    ]


def _access(metrics: GatewayMetrics, here: str) -> list[Panel]:
    """Who was refused, and helpers that are not asked."""
    return [
        Panel(
            "Refused",
            "Requests a second without leave, by reason; `unchecked` passed since limits had no Redis.",
            [
                (rate(name(metrics.access_refused), here, "reason"), "{{reason}}"),
                (rate(name(metrics.limits_unchecked), here, "namespace"), "unchecked"),
            ],
            "reqps",
        ),
        Panel(
            "Helpers not asked",
            "Gateways whose circuit to a slow or dead helper is open.",
            [(f"sum by (circuit) ({name(metrics.circuit_open)}{{{here}}})", "{{circuit}}")],
            "short",
        ),
    ]


def _experiments(metrics: GatewayMetrics, everywhere: str) -> list[Panel]:
    """Exposures and outcomes."""
    return [
        Panel(
            "Exposures",
            "Answered requests a second of each arm, as units were assigned; `dropped` were not stored.",
            [
                (
                    rate(name(metrics.exposures), everywhere, "experiment, arm"),
                    "{{experiment}} {{arm}}",
                ),
                (rate(name(metrics.events_dropped), everywhere, "reason"), "dropped: {{reason}}"),
            ],
            "reqps",
        ),
        Panel(
            "Feedback",
            "A second, by kind and by what became of it.",
            [(rate(name(metrics.outcomes), everywhere, "kind, result"), "{{kind}} {{result}}")],
            "short",
        ),
    ]


def _jobs(metrics: GatewayMetrics, everywhere: str) -> list[Panel]:
    """Asynchronous requests, as gateways and workers count them."""
    wait = name(metrics.jobs_wait)
    return [
        Panel(
            "Jobs",
            "A second, by what became of them.",
            [(rate(name(metrics.jobs), everywhere, "state"), "{{state}}")],
            "short",
        ),
        Panel(
            "Jobs now",
            "Of the whole store: queued, waiting for another attempt, running, dead; and callers that wait.",
            [
                (f"max by (state) ({name(metrics.jobs_backlog)}{{{everywhere}}})", "{{state}}"),
                (f"sum({name(metrics.job_waiters)}{{{everywhere}}})", "callers"),
            ],
            "short",
        ),
        Panel(
            "Wait of a job",
            "From its acceptance, or its next attempt's time, to its start.",
            [
                (
                    f"histogram_quantile({part}, {rate(f'{wait}_bucket', everywhere, 'le')})",
                    f"P{round(part * 100)}",
                )
                for part in (0.5, 0.99)
            ],
            "s",
        ),
        Panel(
            "Jobs gone astray",
            "Answers that came too late and were not stored, jobs of dead workers, stores found empty.",
            [
                (rate(name(metrics.jobs_fenced), everywhere, "namespace"), "fenced"),
                (rate(name(metrics.jobs_reclaimed), everywhere, "namespace"), "taken over"),
                (rate(name(metrics.jobs_store_lost), everywhere, "namespace"), "store lost"),
            ],
            "short",
        ),
        Panel(
            "Callbacks",
            "Attempts a second, by outcome.",
            [(rate(name(metrics.callbacks), everywhere, "outcome"), "{{outcome}}")],
            "short",
        ),
    ]


def _answers(
    metrics: ServingMetrics | GatewayMetrics, who: str, requests: str, errors: str
) -> list[Panel]:
    """What every server is asked first; ``requests`` and ``errors`` say what theirs are."""
    answers = name(metrics.requests)
    return [
        Panel("Requests", requests, [(rate(answers, who, REVISION), LEGEND)], "reqps"),
        Panel(
            "Errors",
            errors,
            [(share(answers, f'{who}, code=~"5.."', who, REVISION), LEGEND)],
            "percentunit",
        ),
        Panel(
            "Latency",
            "From a request's arrival to its answer: half of them, and all but one in a hundred.",
            [
                (quantile(0.5, metrics.duration, who, REVISION), f"P50 {LEGEND}"),
                (quantile(0.99, metrics.duration, who, REVISION), f"P99 {LEGEND}"),
            ],
            "s",
        ),
    ]


def _board(uid: str, title: str, model_of: str, panels: Sequence[Panel]) -> str:
    """A board's file, with a choice of data source, namespace and model (labels of ``model_of``)."""
    document = {
        "uid": uid,
        "title": title,
        "tags": ["trellis"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus"},
                _choice("namespace", f"label_values({model_of}, namespace)"),
                _choice("model", f'label_values({model_of}{{namespace=~"$namespace"}}, model)'),
            ]
        },
        "panels": placed(panels),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _choice(label: str, query: str) -> dict[str, Any]:
    return {
        "name": label,
        "type": "query",
        "datasource": DATA_SOURCE,
        "query": query,
        "refresh": 2,  # as the time range changes
        "includeAll": True,
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }

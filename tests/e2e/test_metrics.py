"""Prometheus has what was asked of each model, version and revision, from both who count it."""

import json
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.support.kube import Kube
from tests.e2e.support.load import Tally, send
from tests.e2e.support.requests import diabetes
from tests.e2e.support.services import deploy, model
from tests.e2e.support.waiting import NotYet, wait_for

#: Prometheus asks every few seconds.
PATIENCE = 60.0
COUNT = 400


@dataclass(frozen=True)
class Asked:
    """What was sent to a canary at 50 percent, and where."""

    namespace: str
    tally: Tally


@pytest.fixture(scope="module")
def asked(kube: Kube, namespace: str) -> Asked:
    service = deploy(kube, namespace, model(kube, "diabetes", "pvc://models/diabetes/v1"))
    first = service.until_ready()
    service.change(canaryTrafficPercent=50, model={"storageUri": "pvc://models/diabetes/v2"})
    second = service.until_newer(first)
    service.until_traffic({first: 50, second: 50})
    return Asked(namespace, send(diabetes(kube.settings.http_port, service.host), COUNT))


def query(kube: Kube, expression: str) -> list[dict[str, str]]:
    """The series of an instant query: labels, and the value as ``value``."""
    path = "/api/v1/namespaces/monitoring/services/prometheus:http/proxy/api/v1/query?query="
    told = json.loads(kube.raw(path + urllib.parse.quote(expression)))
    assert told["status"] == "success", told
    return [{**item["metric"], "value": item["value"][1]} for item in told["data"]["result"]]


def _until(kube: Kube, expression: str, wanted: Mapping[Any, int], *labels: str) -> None:
    def look() -> None:
        found = {
            tuple(series.get(label, "") for label in labels): int(float(series["value"]))
            for series in query(kube, expression)
        }
        if found != wanted:
            raise NotYet(f"{found} and not {wanted}")

    wait_for(f"{expression} in Prometheus", look, PATIENCE)


def test_predictor_counts_by_model_version_and_revision(kube: Kube, asked: Asked) -> None:
    revisions = sorted(asked.tally.revisions)  # the first made is v1
    wanted = {
        ("diabetes", version, revision): asked.tally.versions[version]
        for version, revision in zip(("v1", "v2"), revisions, strict=True)
    }
    expression = (
        "sum by (model, version, revision) "
        f'(trellis_requests_total{{namespace="{asked.namespace}", code="200"}})'
    )
    _until(kube, expression, wanted, "model", "version", "revision")


def test_queue_proxy_counts_by_revision(kube: Kube, asked: Asked) -> None:
    wanted = {(revision,): count for revision, count in asked.tally.revisions.items()}
    expression = (
        "sum by (kn_revision_name) (http_server_request_duration_seconds_count"
        f'{{namespace="{asked.namespace}", http_response_status_code="200"}}'
        f' * on (pod) group_left (kn_revision_name) target_info{{namespace="{asked.namespace}"}})'
    )
    _until(kube, expression, wanted, "kn_revision_name")


def test_latency_is_a_histogram(kube: Kube, asked: Asked) -> None:
    expression = (
        "histogram_quantile(0.5, sum by (le) "
        f'(trellis_request_duration_seconds_bucket{{namespace="{asked.namespace}"}}))'
    )
    [median] = query(kube, expression)
    assert 0 < float(median["value"]) < 1


def test_all_asked_pods_are_up(kube: Kube, asked: Asked) -> None:
    found = query(kube, f'up{{namespace="{asked.namespace}"}}')
    jobs = {(series["job"], series["pod"]): series["value"] for series in found}
    assert len(jobs) == 4, "two pods, each by the predictor and by its proxy"
    assert set(jobs.values()) == {"1"}

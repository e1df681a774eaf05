"""The life of a model by charts/model: install, upgrade with a canary, test, rollback, uninstall."""

import json
from dataclasses import dataclass

import pytest

from scripts.cluster.program import Program
from tests.e2e.support.bounds import binomial_bounds
from tests.e2e.support.kube import Kube
from tests.e2e.support.load import Load, Request, Tally, send
from tests.e2e.support.processes import chart
from tests.e2e.support.requests import diabetes
from tests.e2e.support.services import Service
from tests.e2e.support.waiting import NotYet, wait_for

ERROR = 1e-6
COUNT = 1000
RELEASE = "diabetes"

#: What a namespace holds by itself, or for the tests' own claim.
_NOT_THE_CHARTS = {
    ("ConfigMap", "kube-root-ca.crt"),
    ("ServiceAccount", "default"),
    ("PersistentVolumeClaim", "models"),
}
_PASSING = {"Event", "PodMetrics", "Lease"}


@dataclass
class Life:
    """What was seen in each state of the release."""

    installed: Tally
    canary: Tally
    tests: str
    back: Tally
    steady: Tally
    history: list[str]
    left: list[tuple[str, str]]


@pytest.fixture(scope="module")
def life(kube: Kube, helm: Program, namespace: str) -> Life:
    """The whole life, under a load that ends before the release does."""
    service = Service(kube, namespace, RELEASE)
    request = diabetes(kube.settings.http_port, service.host)
    at = ("--namespace", namespace)
    values = ("--set", "resources.requests.cpu=25m")
    helm("install", RELEASE, str(chart("model")), *at, *values, "--set", "version=v1")
    first = service.until_ready()
    with Load(request, 20) as load:
        installed = send(request, COUNT)
        newer = ("--set", "version=v2", "--set", "canaryTrafficPercent=0")
        helm("upgrade", RELEASE, str(chart("model")), *at, *values, *newer)
        second = service.until_newer(first)
        weight = ("--set", "canaryTrafficPercent=20")
        helm("upgrade", RELEASE, str(chart("model")), *at, "--reuse-values", *weight)
        service.until_traffic({first: 80, second: 20})
        canary = send(request, COUNT)
        tests = helm("test", RELEASE, *at, "--timeout", "120s")
        back = _roll_back(helm, service, request, first)
    listed = json.loads(helm("history", RELEASE, *at, "--output", "json"))
    helm("uninstall", RELEASE, *at, "--wait", "--timeout", "120s")
    left = _until_empty(kube, namespace)
    history = [item["status"] for item in listed]
    return Life(installed, canary, tests, back, load.tally, history, left)


def _roll_back(helm: Program, service: Service, request: Request, first: str) -> Tally:
    """To the release's second revision: v2 at 0, which leaves all traffic with v1."""
    helm("rollback", RELEASE, "2", "--namespace", service.namespace)
    service.until_traffic({first: 100})
    return send(request, COUNT)


def _until_empty(kube: Kube, namespace: str) -> list[tuple[str, str]]:
    """What is left of the release once nothing more goes."""

    def look() -> None:
        if left := _objects(kube, namespace):
            raise NotYet(f"there are {left}")

    try:
        wait_for(f"empty namespace {namespace}", look, 150)
    except AssertionError:
        return _objects(kube, namespace)
    return []


def _objects(kube: Kube, namespace: str) -> list[tuple[str, str]]:
    """Kind and name of all that is in a namespace, of every kind that can be listed."""
    kinds = kube.run("api-resources", "--namespaced", "--verbs=list,delete", "-o", "name").split()
    told = kube.run(
        "get", ",".join(kinds), "--namespace", namespace, "--ignore-not-found", "-o", "json"
    )
    items = json.loads(told)["items"] if told.strip() else []
    found = {(item["kind"], item["metadata"]["name"]) for item in items}
    return sorted((kind, name) for kind, name in found - _NOT_THE_CHARTS if kind not in _PASSING)


def test_install_serves_the_version(life: Life) -> None:
    assert life.installed.failures == []
    assert life.installed.versions == {"v1": COUNT}


def test_upgrade_with_a_canary_splits(life: Life) -> None:
    assert life.canary.failures == []
    least, most = binomial_bounds(COUNT, 0.20, ERROR)
    assert least <= life.canary.versions["v2"] <= most, life.canary.versions


def test_helm_test_passes(life: Life) -> None:
    assert "Phase:          Succeeded" in life.tests


def test_rollback_takes_the_canary_back(life: Life) -> None:
    assert life.back.failures == []
    assert life.back.versions == {"v1": COUNT}
    assert life.history == ["superseded", "superseded", "superseded", "deployed"]


def test_no_request_failed_in_any_change(life: Life) -> None:
    assert life.steady.failures == []
    assert life.steady.answered > 100, "the steady load stood still"


def test_uninstall_leaves_nothing(life: Life) -> None:
    assert life.left == []

"""An InferenceService without Knative: a Deployment, a Service, and an autoscaler by CPU."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.support.forward import forwarded
from tests.e2e.support.kube import Document, Kube, condition
from tests.e2e.support.load import send
from tests.e2e.support.processes import trellis
from tests.e2e.support.requests import diabetes
from tests.e2e.support.services import PATIENCE, example
from tests.e2e.support.times import Times
from tests.e2e.support.waiting import NotYet, wait_for

NAME = "diabetes-standard"

#: metrics-server looks every 15 s, and so does the autoscaler.
SCALING = 150.0


@pytest.fixture(scope="module")
def ready(kube: Kube, namespace: str, times: Times) -> Document:
    """`examples/standard-mode.yaml`, as it is."""
    begin = time.monotonic()
    kube.apply(example("standard-mode.yaml"), namespace=namespace)

    def look() -> Document:
        found = kube.get("inferenceservice", NAME, namespace)
        if condition(found, "Ready")["status"] != "True":
            raise NotYet(f"it says {condition(found, 'Ready')}")
        return found

    found = wait_for(f"ready {NAME}", look, PATIENCE)
    times.add("an InferenceService in Standard mode", time.monotonic() - begin)
    return found


@pytest.fixture(scope="module")
def port(kube: Kube, namespace: str, ready: Document) -> Iterator[int]:
    """Where its Service answers."""
    with forwarded(kube, namespace, f"service/{ready['metadata']['name']}-predictor", 80) as local:
        yield local


@pytest.mark.usefixtures("ready")
def test_there_is_no_knative_service(kube: Kube, namespace: str) -> None:
    assert kube.all("services.serving.knative.dev", namespace) == []
    assert [item["metadata"]["name"] for item in kube.all("deployments", namespace)] == [
        f"{NAME}-predictor"
    ]


def test_service_answers(port: int) -> None:
    tally = send(diabetes(port, "localhost", NAME), 100)
    assert tally.failures == []
    assert tally.versions == {"v2": 100}


def test_autoscaler_adds_pods_under_load(
    kube: Kube, namespace: str, port: int, times: Times
) -> None:
    assert _autoscaler(kube, namespace)["spec"]["minReplicas"] == 1
    begin = time.monotonic()
    failures: list[str] = []

    def look() -> int:
        failures.extend(send(diabetes(port, "localhost", NAME), 2000).failures)
        found = _autoscaler(kube, namespace)
        current = found["status"].get("currentMetrics", [])
        replicas: int = found["status"]["desiredReplicas"]
        if replicas < 2:
            raise NotYet(f"it wants {replicas} and measured {current}")
        return replicas

    assert wait_for("second replica that the autoscaler wants", look, SCALING) in {2, 3}
    times.add("scale out by CPU in Standard mode, until wanted", time.monotonic() - begin)
    assert failures == []


def _autoscaler(kube: Kube, namespace: str) -> Document:
    [found] = kube.all("horizontalpodautoscalers", namespace)
    return found


def test_validate_refuses_a_canary_here(tmp_path: Path) -> None:
    # KServe takes the field and ignores it: all traffic would go to the new version.
    file = tmp_path / "standard.yaml"
    document = example("standard-mode.yaml", canaryTrafficPercent=20)
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    ended = trellis("validate", file)
    assert ended.code == 1, ended.said
    assert "spec.predictor.canaryTrafficPercent" in ended.said
    assert "ignores" in ended.said


@pytest.mark.usefixtures("ready")
def test_kserve_takes_what_validate_refuses(kube: Kube, namespace: str) -> None:
    # Why the test above matters; should KServe learn to refuse it, `validate` need not.
    document = example("standard-mode.yaml", canaryTrafficPercent=20)
    with pytest.raises(AssertionError, match="the API took it"):
        kube.refusal(document, namespace=namespace)

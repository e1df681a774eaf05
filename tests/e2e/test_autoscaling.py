"""Knative scales out under load, in again, to zero, and starts from zero."""

import time
from dataclasses import dataclass

import pytest

from tests.e2e.support.kube import Kube
from tests.e2e.support.load import Load, Tally, send
from tests.e2e.support.requests import diabetes, sentiment
from tests.e2e.support.services import Service, deploy, example, model
from tests.e2e.support.times import Times
from tests.e2e.support.waiting import NotYet, wait_for

PATIENCE = 90.0


@dataclass
class Tides:
    """Replicas and answers on the way out and back."""

    most: int
    high: Tally
    low: Tally
    cold: Tally


@pytest.fixture(scope="module")
def tides(kube: Kube, namespace: str, times: Times) -> Tides:
    """`scale-to-zero.yaml`: ten requests a second a pod, three pods at most, none where none ask."""
    service = deploy(kube, namespace, example("scale-to-zero.yaml"))
    service.until_ready()
    request = sentiment(kube.settings.http_port, service.host, service.name)
    begin = time.monotonic()
    with Load(request, 40) as high:
        service.until_running(3, PATIENCE)
        times.add("scale out to 3 pods", time.monotonic() - begin)
    begin = time.monotonic()
    with Load(request, 4) as low:
        service.until_running(1, PATIENCE)
        times.add("scale in to 1 pod", time.monotonic() - begin)
    begin = time.monotonic()
    _until_no_pods(service)
    times.add("scale to zero after the last request", time.monotonic() - begin)
    cold = send(request, 1, connections=1)
    times.add("cold start from zero, ONNX (aim: under 6 s)", cold.longest)
    return Tides(3, high.tally, low.tally, cold)


def _until_no_pods(service: Service) -> None:
    """Until no pod is left that takes requests; one that ends would answer no more."""
    service.until_running(0, PATIENCE)

    def look() -> None:
        wanted = service.kube.all(
            "deployments",
            service.namespace,
            f"serving.knative.dev/service={service.name}-predictor",
        )
        replicas = [item["spec"]["replicas"] for item in wanted]
        if any(replicas):
            raise NotYet(f"the Deployment asks for {replicas}")

    wait_for(f"zero replicas of {service.name}", look, PATIENCE)


def test_scale_out_and_in_lose_no_request(tides: Tides) -> None:
    assert tides.high.failures == []
    assert tides.low.failures == []
    assert tides.high.answered > 40
    assert tides.low.answered > 10


def test_first_request_waits_for_a_start(tides: Tides) -> None:
    assert tides.cold.failures == []
    assert tides.cold.versions == {"v2": 1}
    # It was a start: nothing that was running answers so late.
    assert tides.cold.longest > 0.3


def test_concurrency_target(kube: Kube, namespace: str, times: Times) -> None:
    document = model(
        kube, "diabetes", minReplicas=1, maxReplicas=2, scaleMetric="concurrency", scaleTarget=2
    )
    service = deploy(kube, namespace, document)
    service.until_ready()
    assert len(service.running()) == 1
    request = diabetes(kube.settings.http_port, service.host)
    begin = time.monotonic()
    failures: list[str] = []

    def look() -> None:
        # Closed loop over 12 connections: so many requests are in flight all the time.
        failures.extend(send(request, 1200, connections=12).failures)
        if (count := len(service.running())) < 2:
            raise NotYet(f"{count} pod is ready")

    wait_for("second pod", look, PATIENCE)
    times.add("scale out to 2 pods by concurrency", time.monotonic() - begin)
    assert failures == []

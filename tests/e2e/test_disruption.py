"""A pod is killed and a node is drained under load: nothing fails."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.support.kube import Kube
from tests.e2e.support.load import Load
from tests.e2e.support.requests import diabetes
from tests.e2e.support.services import Service, deploy, model
from tests.e2e.support.times import Times

RATE = 20.0

#: One replica a node, on both workers; the GPU worker's taint is tolerated.
_SPREAD: dict[str, Any] = {
    "minReplicas": 2,
    "maxReplicas": 2,
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"serving.kserve.io/inferenceservice": "diabetes"}},
            "matchLabelKeys": ["serving.knative.dev/revision"],
            # Without this the control plane would count as a node that has none.
            "nodeTaintsPolicy": "Honor",
        }
    ],
}


@pytest.fixture(scope="module")
def service(kube: Kube, namespace: str) -> Service:
    """Two replicas on two nodes, one of which may be away at a time."""
    deployed = deploy(kube, namespace, model(kube, "diabetes", **_SPREAD))
    kube.apply(
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "diabetes-predictor"},
            "spec": {
                "maxUnavailable": 1,
                "selector": {"matchLabels": {"serving.kserve.io/inferenceservice": "diabetes"}},
            },
        },
        namespace=namespace,
    )
    deployed.until_ready()
    deployed.until_running(2)
    return deployed


@pytest.fixture
def drained(kube: Kube) -> Iterator[str]:
    """The untainted worker, which takes pods again after the test."""
    node = kube.settings.workers[0]
    try:
        yield node
    finally:
        kube.run("uncordon", node)


def test_killed_pod(service: Service, kube: Kube, times: Times) -> None:
    pods = service.running()
    assert len({pod["spec"]["nodeName"] for pod in pods}) == 2
    begin = time.monotonic()
    with Load(diabetes(kube.settings.http_port, service.host), RATE) as load:
        time.sleep(2)
        kube.delete("pod", pods[0]["metadata"]["name"], service.namespace, wait=False)
        service.until_running(2)
        times.add("a deleted pod, until there is another", time.monotonic() - begin)
        time.sleep(2)
    assert load.tally.failures == []
    assert load.tally.answered > RATE * 3
    killed = pods[0]["metadata"]["name"]
    assert killed not in {pod["metadata"]["name"] for pod in service.running()}


def test_drained_node(service: Service, kube: Kube, drained: str, times: Times) -> None:
    assert drained in {pod["spec"]["nodeName"] for pod in service.running()}
    begin = time.monotonic()
    with Load(diabetes(kube.settings.http_port, service.host), RATE) as load:
        kube.run(
            "drain", drained, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s",
            timeout=300,
        )  # fmt: skip
        times.add("drain of the worker", time.monotonic() - begin)
        left = {pod["spec"]["nodeName"] for pod in service.running()}
        time.sleep(2)
    assert load.tally.failures == []
    assert load.tally.answered > RATE * 3
    assert left == {kube.settings.workers[1]}

"""A model that asks for a GPU lands on the node that has one; without it, it waits and says why.

The worker that is tainted for GPUs advertises one that it does not have: placement is real, nothing
is computed on it.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.cluster import gpu
from tests.e2e.support.kube import Document, Kube, condition
from tests.e2e.support.load import send
from tests.e2e.support.processes import trellis
from tests.e2e.support.requests import diabetes
from tests.e2e.support.services import EXAMPLES, Service, deploy, example
from tests.e2e.support.waiting import NotYet, wait_for

PATIENCE = 60.0


@pytest.fixture
def node(kube: Kube) -> str:
    """The GPU worker."""
    return kube.settings.workers[1]


@pytest.fixture
def service(kube: Kube, namespace: str, node: str) -> Iterator[Service]:
    """`examples/gpu.yaml` with the image of the ONNX runtime: the CUDA one is not built here.

    The GPU worker advertises none, before and after a test.
    """
    gpu.advertise(kube.run, node, 0)
    document = example("gpu.yaml", "pvc://models/diabetes/v2")
    document["spec"]["predictor"]["model"]["image"] = "trellis/predictor:0.1.0"
    document["spec"]["predictor"]["model"]["resources"]["requests"] = {"memory": "192Mi"}
    deployed = deploy(kube, namespace, document)
    try:
        yield deployed
    finally:
        kube.delete("inferenceservice", deployed.name, namespace)
        gpu.advertise(kube.run, node, 0)


def test_without_a_gpu_it_waits_and_says_why(service: Service, kube: Kube, tmp_path: Path) -> None:
    pod = _until_unschedulable(service)
    described = kube.run(
        "describe", "pod", pod["metadata"]["name"], "--namespace", service.namespace
    )
    assert "FailedScheduling" in described
    assert "Insufficient nvidia.com/gpu" in described
    nodes = tmp_path / "nodes.json"
    nodes.write_text(json.dumps({"kind": "List", "items": kube.all("nodes")}), encoding="utf-8")
    foretold = trellis("validate", EXAMPLES / "gpu.yaml", "--nodes", nodes)
    assert foretold.code == 1, foretold.said
    assert "nvidia.com/gpu" in foretold.said


def test_with_a_gpu_it_lands_there(service: Service, kube: Kube, node: str, tmp_path: Path) -> None:
    _until_unschedulable(service)
    gpu.advertise(kube.run, node, 1)
    nodes = tmp_path / "nodes.json"
    nodes.write_text(json.dumps({"kind": "List", "items": kube.all("nodes")}), encoding="utf-8")
    foretold = trellis("validate", EXAMPLES / "gpu.yaml", "--nodes", nodes)
    assert foretold.code == 0, foretold.said
    service.until_ready()
    assert {pod["spec"]["nodeName"] for pod in service.pods()} == {node}
    tally = send(diabetes(kube.settings.http_port, service.host, service.name), 20)
    assert tally.failures == []


def test_a_second_one_finds_no_room(service: Service, kube: Kube, node: str) -> None:
    # One GPU, taken: that it is counted shows that the resource, not only the label, decides.
    gpu.advertise(kube.run, node, 1)
    service.until_ready()
    document = example("gpu.yaml", "pvc://models/diabetes/v1")
    document["metadata"]["name"] = "second"
    document["spec"]["predictor"]["model"]["image"] = "trellis/predictor:0.1.0"
    second = deploy(kube, service.namespace, document)
    try:
        _until_unschedulable(second)
    finally:
        kube.delete("inferenceservice", second.name, service.namespace)


def test_nothing_else_is_on_the_gpu_node(models: dict[str, Service], kube: Kube) -> None:
    assert models, "there is something that could be there"
    node = kube.settings.workers[1]
    there = [
        f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        for pod in kube.all("pods")
        if pod["spec"].get("nodeName") == node
        and not _of_every_node(pod)
        and not _asks_for_a_gpu(pod)
    ]
    assert there == []


def _until_unschedulable(service: Service) -> Document:
    """The service's pod, once the scheduler has said why no node takes it."""

    def look() -> Document:
        for pod in service.pods():
            said = condition(pod, "PodScheduled")
            if said["status"] == "False" and "nvidia.com/gpu" in said.get("message", ""):
                return pod
        raise NotYet(
            f"its pods are {[pod.get('status', {}).get('phase') for pod in service.pods()]}"
        )

    return wait_for(f"pod of {service.name} that waits for a GPU", look, PATIENCE)


def _of_every_node(pod: Document) -> bool:
    return any(owner["kind"] == "DaemonSet" for owner in pod["metadata"].get("ownerReferences", []))


def _asks_for_a_gpu(pod: Document) -> bool:
    return any(
        gpu.RESOURCE in container.get("resources", {}).get("limits", {})
        for container in pod["spec"]["containers"]
    )

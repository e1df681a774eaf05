"""The cluster is what `make cluster` promises: nodes, namespace, parts, and all of it well."""

import pytest

from scripts.cluster.program import Program
from scripts.cluster.settings import NAMESPACE
from tests.e2e.support import namespaces
from tests.e2e.support.kube import Kube, condition
from tests.e2e.support.waiting import NotYet, wait_for


def test_three_nodes_that_are_ready(kube: Kube) -> None:
    nodes = {node["metadata"]["name"]: node for node in kube.all("nodes")}
    assert set(nodes) == set(kube.settings.nodes)
    assert {condition(node, "Ready")["status"] for node in nodes.values()} == {"True"}
    worker, tainted = (nodes[name] for name in kube.settings.workers)
    assert "taints" not in worker["spec"]
    assert [taint["key"] for taint in tainted["spec"]["taints"]] == ["nvidia.com/gpu"]
    assert tainted["metadata"]["labels"]["accelerator"] == "nvidia"


def test_system_components_are_on_the_control_plane(kube: Kube) -> None:
    system = {"knative-serving", "kourier-system", "kserve", "keda", "monitoring"}
    elsewhere = [
        pod["metadata"]["name"]
        for pod in kube.all("pods")
        if pod["metadata"]["namespace"] in system
        and pod["spec"]["nodeName"] != kube.settings.control_plane
    ]
    assert elsewhere == []


def test_namespace_enforces_pod_security(kube: Kube) -> None:
    labels = kube.get("namespace", NAMESPACE)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize(
    "instance", ["statefulset/trellis-redis", "deployment/trellis-redis-cache"]
)
def test_redis_answers(kube: Kube, instance: str) -> None:
    answer = kube.run("exec", instance, "--namespace", NAMESPACE, "--", "redis-cli", "PING")
    assert answer.strip() == "PONG"


def test_redis_is_set_as_the_platform_needs_it(kube: Kube) -> None:
    def policy(instance: str) -> str:
        told = kube.run(
            "exec", instance, "--namespace", NAMESPACE, "--",
            "redis-cli", "CONFIG", "GET", "maxmemory-policy",
        )  # fmt: skip
        return told.split()[-1]

    assert policy("statefulset/trellis-redis") == "noeviction"
    assert policy("deployment/trellis-redis-cache") == "allkeys-lru"


def test_every_deployment_is_available(kube: Kube) -> None:
    def look() -> None:
        missing = [
            item["metadata"]["name"]
            for item in kube.all("deployments")
            if not item["metadata"]["namespace"].startswith(namespaces.PREFIX)
            and item["status"].get("availableReplicas", 0) < item["spec"]["replicas"]
        ]
        if missing:
            raise NotYet(f"{missing} are not available")

    wait_for("cluster whose Deployments are all available", look, 60)


def test_platform_chart_tests_itself(helm: Program) -> None:
    told = helm("test", "trellis", "--namespace", NAMESPACE, "--timeout", "120s")
    assert "Phase:          Succeeded" in told

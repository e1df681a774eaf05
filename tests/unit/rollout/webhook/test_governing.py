"""Which Rollout of several counts, and that one which cannot be read counts too."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from trellis.rollout.cluster.api import Api
from trellis.rollout.cluster.cluster import Cluster
from trellis.rollout.cluster.connection import connect
from trellis.rollout.cluster.rollouts import rollout
from trellis.rollout.webhook.admission import Governing
from trellis.rollout.webhook.governing import governed_by
from trellis.telemetry.metrics import ControllerMetrics

KUBECONFIG = """
current-context: test
clusters: [{name: test, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: test, context: {cluster: test, user: test, namespace: shop}}]
users: [{name: test, user: {}}]
"""


@pytest.fixture
def cluster(tmp_path: Any) -> Cluster:
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG)
    metrics = ControllerMetrics(CollectorRegistry())
    return Cluster(Api(connect({"KUBECONFIG": str(path)}), metrics), "shop", metrics, print)


def known(cluster: Cluster, name: str, created: str = "2026", **more: Any) -> None:
    raw = {
        "metadata": {
            "namespace": "shop",
            "name": name,
            "uid": name,
            "resourceVersion": "1",
            "generation": 1,
            "creationTimestamp": created,
        },
        "spec": {"inferenceService": "tomato", **more.get("spec", {})},
        "status": more.get("status", {}),
    }
    cluster.rollouts.know(rollout(raw), 1)


def test_the_oldest_one_governs(cluster: Cluster) -> None:
    known(cluster, "second", "2026-02", status={"phase": "Paused"})
    known(cluster, "first", "2026-01", status={"phase": "Idle"}, spec={"sameVersion": "trial"})
    governing = governed_by(cluster)
    assert governing(("shop", "tomato")) == Governing("first", "Idle", "trial")
    assert governing(("shop", "potato")) is None


@pytest.mark.parametrize(
    ("broken", "field"),
    [({"spec": {"alpha": 7}}, "alpha"), ({"status": {"phase": "Dancing"}}, "phase")],
)
def test_one_that_cannot_be_read_governs_and_says_so(
    cluster: Cluster, broken: Any, field: str
) -> None:
    known(cluster, "tomato", **broken)
    found = governed_by(cluster)(("shop", "tomato"))
    assert found is not None
    assert (found.phase, found.same_version) == ("Waiting", "follow")
    assert found.warning.startswith(
        f"Rollout tomato cannot be read, so it moves no traffic: {field}"
    )

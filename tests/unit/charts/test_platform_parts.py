from pathlib import Path
from typing import Any

import yaml

from tests.unit.charts.helm import PLATFORM, ROOT, Document, Helm, named, of_kind

COMPONENTS = ROOT / "manifests/components"

#: What belongs to no namespace.
CLUSTER_WIDE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "ClusterServingRuntime",
    "CustomResourceDefinition",
    "MutatingWebhookConfiguration",
}

#: What brings every template of the gateway and of the controller.
EVERYTHING: dict[str, Any] = {
    "gateway": {
        "autoscaling": {"enabled": True},
        "ingress": {"kind": "kourier", "hosts": ["a.example.com"], "from": [{"podSelector": {}}]},
    },
    "worker": {"keda": {"enabled": True}},
    "controller": {"enabled": True},
    "networkPolicies": {"egress": [{"ports": [{"port": 6379}]}]},
}


def plain(folder: str, kind: str) -> dict[str, Document]:
    """The objects of a kind in a component's files, by name."""
    documents = [
        document
        for path in sorted((COMPONENTS / folder).glob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text())
    ]
    return {item["metadata"]["name"]: item for item in of_kind(documents, kind)}


def by_name(documents: list[Document], kind: str) -> dict[str, Document]:
    return {item["metadata"]["name"]: item for item in of_kind(documents, kind)}


def test_the_policies_are_the_plain_manifests(helm: Helm) -> None:
    expected = plain("network-policy", "NetworkPolicy")
    rendered = by_name(helm.render(PLATFORM), "NetworkPolicy")
    assert rendered.keys() == expected.keys()
    for name, policy in rendered.items():
        assert policy["spec"] == expected[name]["spec"]
        assert policy["metadata"]["namespace"] == "trellis"


def test_policies_can_be_left_out_and_the_notes_say_what_that_means(helm: Helm) -> None:
    values = {"networkPolicies": {"enabled": False}}
    assert of_kind(helm.render(PLATFORM, values), "NetworkPolicy") == []
    assert "every pod of the cluster reaches it" in helm.notes(PLATFORM, values)


def test_monitoring_is_only_there_where_it_is_asked_for(helm: Helm) -> None:
    rendered = helm.render(PLATFORM)
    assert not {document["kind"] for document in rendered} & {"PodMonitor", "PrometheusRule"}
    assert set(by_name(rendered, "ConfigMap")) == {"trellis-routing-table"}


def test_monitoring_is_the_plain_manifests_under_ones_own_labels(helm: Helm) -> None:
    values = {"monitoring": {"enabled": True, "labels": {"release": "prometheus"}}}
    rendered = helm.render(PLATFORM, values)
    for kind in ("PodMonitor", "PrometheusRule"):
        expected = plain("monitoring", kind)
        found = by_name(rendered, kind)
        assert found.keys() == expected.keys()
        for name, item in found.items():
            assert item["spec"] == expected[name]["spec"]
            assert item["metadata"]["labels"]["release"] == "prometheus"
    boards = named(rendered, "ConfigMap", "trellis-boards")
    assert boards["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert boards["data"] == {
        path.name: path.read_text() for path in (COMPONENTS / "monitoring/boards").glob("*.json")
    }


def test_every_object_is_in_the_releases_namespace(helm: Helm) -> None:
    rendered = helm.render(PLATFORM, {"monitoring": {"enabled": True}, **EVERYTHING})
    for document in rendered:
        cluster_wide = document["kind"] in CLUSTER_WIDE
        assert document["metadata"].get("namespace") == (None if cluster_wide else "trellis")


def test_the_notes_name_what_there_is(helm: Helm) -> None:
    notes = helm.notes(PLATFORM)
    assert "kubectl -n trellis rollout status statefulset/trellis-redis" in notes
    assert "pod-security.kubernetes.io/enforce=restricted" in notes
    assert Path("charts/model").name in notes
    pointed = {"redis": {"bring": False, "url": "redis://a", "cacheUrl": "redis://b"}}
    assert "statefulset" not in helm.notes(PLATFORM, pointed)

from typing import Any

import pytest

from tests.unit.charts.helm import MODEL, Helm, Refused

TRIGGERS = [{"type": "cron", "metadata": {}}]
STANDARD = {"mode": "Standard"}

#: What contradicts what; each refusal names these values.
CONTRADICTIONS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "canary in Standard mode": (
        {**STANDARD, "canaryTrafficPercent": 0},
        ("canaryTrafficPercent", "mode is Standard"),
    ),
    "canary and Rollout": (
        {"canaryTrafficPercent": 10, "trafficManager": "rollout"},
        ("canaryTrafficPercent", "trafficManager"),
    ),
    "more replicas at least than at most": (
        {"scaling": {"minReplicas": 4, "maxReplicas": 3}},
        ("scaling.minReplicas is 4", "scaling.maxReplicas is 3"),
    ),
    "zero replicas in Standard mode": (
        {**STANDARD, "scaling": {"minReplicas": 0}},
        ("scaling.minReplicas is 0", "mode is Standard"),
    ),
    "hpa beside Knative": (
        {"scaling": {"autoscaler": "hpa"}},
        ("scaling.autoscaler is hpa", "two autoscalers"),
    ),
    "KEDA's triggers beside hpa": (
        {**STANDARD, "scaling": {"keda": {"triggers": TRIGGERS}}},
        ("scaling.keda.triggers", "hpa", "two autoscalers"),
    ),
    "KEDA's triggers beside Knative": (
        {"scaling": {"keda": {"triggers": TRIGGERS}}},
        ("scaling.keda.triggers", "two autoscalers"),
    ),
    "KEDA without triggers": (
        {**STANDARD, "scaling": {"autoscaler": "keda"}},
        ("scaling.keda.triggers is empty",),
    ),
    "Knative's autoscaler in Standard mode": (
        {**STANDARD, "scaling": {"autoscaler": "knative"}},
        ("scaling.autoscaler is knative", "mode is Standard"),
    ),
    "cpu in Knative mode": (
        {"scaling": {"metric": "cpu"}},
        ("scaling.metric is cpu", "mode is Knative"),
    ),
    "concurrency in Standard mode": (
        {**STANDARD, "scaling": {"metric": "concurrency"}},
        ("scaling.metric is concurrency", "mode is Standard"),
    ),
    "a target that nobody reads": (
        {**STANDARD, "scaling": {"autoscaler": "none", "target": 70}},
        ("scaling.target", "none"),
    ),
    "memory without a target": (
        {**STANDARD, "scaling": {"metric": "memory"}},
        ("scaling.metric is memory", "scaling.target"),
    ),
    "more than all of the CPU": (
        {**STANDARD, "scaling": {"metric": "cpu", "target": 101}},
        ("scaling.target is 101", "percent"),
    ),
    "a target above what a replica is given": (
        {"scaling": {"containerConcurrency": 4, "target": 5}},
        ("scaling.target is 5", "scaling.containerConcurrency is 4"),
    ),
    "containerConcurrency in Standard mode": (
        {**STANDARD, "scaling": {"containerConcurrency": 4}},
        ("scaling.containerConcurrency", "mode is Standard"),
    ),
    "Knative's times in Standard mode": (
        {**STANDARD, "scaling": {"knative": {"window": "10s"}}},
        ("scaling.knative.window", "mode is Standard"),
    ),
    "a progress deadline in Standard mode": (
        {**STANDARD, "progressDeadline": "60s"},
        ("progressDeadline", "mode is Standard"),
    ),
    "a budget that lets no pod go": (
        {"podDisruptionBudget": {"minAvailable": 3}},
        ("podDisruptionBudget.minAvailable is 3", "scaling.maxReplicas is 3"),
    ),
    "a budget of all": (
        {"podDisruptionBudget": {"minAvailable": "100%"}},
        ("podDisruptionBudget.minAvailable is 100%",),
    ),
    "two budgets": (
        {"podDisruptionBudget": {"minAvailable": 1, "maxUnavailable": 1}},
        ("podDisruptionBudget.minAvailable", "maxUnavailable"),
    ),
    "a device asked for twice": (
        {"gpu": {"count": 1}, "resources": {"limits": {"nvidia.com/gpu": "2"}}},
        ("gpu.count", "resources.limits", "nvidia.com/gpu"),
    ),
    "two images": (
        {"image": "a:1", "container": {"image": "b:1"}},
        ("image and container.image",),
    ),
    "a storage address beside the chart's": (
        {"container": {"image": "b:1"}, "env": {"STORAGE_URI": "pvc://other"}},
        ("env.STORAGE_URI", "storageUri"),
    ),
    "the gRPC runtime over REST": (
        {"runtime": "trellis-grpc"},
        ("runtime is trellis-grpc", "protocol"),
    ),
    "gRPC by a REST runtime": (
        {"protocol": "grpc-v2"},
        ("protocol is grpc-v2", "runtime is trellis"),
    ),
    "gRPC by a container of one's own": (
        {"protocol": "grpc-v2", "runtime": "trellis-grpc", "container": {"image": "b:1"}},
        ("protocol is grpc-v2", "container.image"),
    ),
    "two arms of a name": (
        {"arms": [{"name": "b", "version": "v1"}, {"name": "b", "version": "v2"}]},
        ("arms", '"b" is there twice'),
    ),
    "an arm with its own runtime in a container": (
        {
            "container": {"image": "b:1"},
            "arms": [{"name": "b", "version": "v1", "runtime": "trellis"}],
        },
        ("arms", "container.image"),
    ),
    "an arm with too many replicas": (
        {"arms": [{"name": "b", "version": "v1", "minReplicas": 5}]},
        ("arms", "5", "3"),
    ),
    "an arm of no replicas in Standard mode": (
        {**STANDARD, "arms": [{"name": "b", "version": "v1", "minReplicas": 0}]},
        ("arms", "minReplicas 0"),
    ),
    "an arm whose name is too long": (
        {"arms": [{"name": "b" * 50, "version": "v1"}]},
        ("arms", "at most 53"),
    ),
    "an arm beside KEDA": (
        {
            **STANDARD,
            "scaling": {"autoscaler": "keda", "keda": {"triggers": TRIGGERS}},
            "arms": [{"name": "b", "version": "v1"}],
        },
        ("arms", "keda"),
    ),
    "a label of the chart's": (
        {"labels": {"app.kubernetes.io/name": "x"}},
        ("labels", "app.kubernetes.io/name"),
    ),
    "an annotation of the chart's": (
        {"annotations": {"serving.kserve.io/deploymentMode": "Standard"}},
        ("annotations", "serving.kserve.io/deploymentMode", "mode"),
    ),
    "a name that is too long": ({"name": "n" * 54}, ("name", "54 characters")),
}


@pytest.mark.parametrize(("values", "words"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_contradiction_is_told_in_a_sentence(
    helm: Helm, values: dict[str, Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(Refused) as refused:
        helm.render(MODEL, values)
    said = str(refused.value)
    assert all(word in said for word in words), said
    assert said.endswith("."), said


def test_a_release_whose_name_is_no_models_is_told_to_set_one(helm: Helm) -> None:
    with pytest.raises(Refused, match="set name"):
        helm.render(MODEL, release="1st")
    helm.render(MODEL, {"name": "first"}, release="1st")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"canaryTraficPercent": 10}, "canaryTraficPercent"),
        ({"scaling": {"minReplica": 1}}, "minReplica"),
        ({"scaling": {"keda": {"trigger": []}}}, "trigger"),
        ({"arms": [{"name": "b", "version": "v1", "weight": 5}]}, "weight"),
        ({"arms": [{"name": "b"}]}, "version"),
        ({"canaryTrafficPercent": 101}, "canaryTrafficPercent"),
        ({"canaryTrafficPercent": "10"}, "canaryTrafficPercent"),
        ({"mode": "Serverless"}, "mode"),
        ({"progressDeadline": "1 minute"}, "progressDeadline"),
        ({"resources": {"limits": {"memory": "1 GB"}}}, "memory"),
        ({"env": {"A": 1}}, "env"),
        ({"storageUri": "/mnt/models"}, "storageUri"),
        ({"version": "v 1"}, "version"),
        ({"podDisruptionBudget": {"minAvailable": "half"}}, "minAvailable"),
        ({"gpu": {"resourceName": "gpu"}}, "resourceName"),
    ],
)
def test_the_schema_refuses_by_the_fields_name(
    helm: Helm, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(Refused, match="values don't meet the specifications") as refused:
        helm.render(MODEL, values)
    assert field in str(refused.value)

from typing import Any

import pytest

from tests.unit.charts.helm import MODEL, Helm, Refused

TRIGGERS = [{"type": "cron", "metadata": {}}]
STANDARD = {"mode": "Standard"}
ARM = {"name": "b", "version": "v2"}

#: What contradicts what; each refusal names these values.
CONTRADICTIONS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "canary in Standard mode": (
        {**STANDARD, "canaryTrafficPercent": 0},
        ("canaryTrafficPercent", "mode is Standard"),
    ),
    "canary and Rollout": (
        {"canaryTrafficPercent": 0, "rollout": {"enabled": True}},
        ("canaryTrafficPercent is 0", "rollout.enabled is true", "two would move the same weight"),
    ),
    "Rollout in Standard mode": (
        {**STANDARD, "rollout": {"enabled": True}},
        ("rollout.enabled is true", "mode is Standard"),
    ),
    "units without hosts to keep them": (
        {"rollout": {"enabled": True, "split": "unit"}, "tagRouting": False},
        ("rollout.split is unit", "tagRouting is false"),
    ),
    "Rollout and Experiment": (
        {"rollout": {"enabled": True}, "experiment": {"enabled": True}, "arms": [ARM]},
        ("rollout.enabled and experiment.enabled", "version v1"),
    ),
    "an experiment with one version": (
        {"experiment": {"enabled": True}},
        ("experiment.enabled is true", "arms is empty"),
    ),
    "an experiment with one version twice": (
        {"experiment": {"enabled": True}, "arms": [{**ARM, "version": "v1"}]},
        ("version v1 is there twice",),
    ),
    "steps that fall": (
        {"rollout": {"enabled": True, "steps": [{"weight": 20}, {"weight": 5}]}},
        ("rollout.steps", "weight 5 comes after 20"),
    ),
    "a step of all traffic": (
        {"rollout": {"enabled": True, "steps": [{"weight": 100}]}},
        ("rollout.steps", "weight 100"),
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
    "a budget of which none may be away": (
        {"podDisruptionBudget": {"maxUnavailable": 0}},
        ("podDisruptionBudget.maxUnavailable is 0",),
    ),
    "a budget of which no share may be away": (
        {"podDisruptionBudget": {"maxUnavailable": "0%"}},
        ("podDisruptionBudget.maxUnavailable is 0%",),
    ),
    "two budgets": (
        {"podDisruptionBudget": {"minAvailable": 1, "maxUnavailable": 1}},
        ("podDisruptionBudget.minAvailable", "maxUnavailable"),
    ),
    "a deadline before the start is given up": (
        {"progressDeadline": "1m29s", "probes": {"startupSeconds": 90}},
        ("progressDeadline is 1m29s", "probes.startupSeconds is 90", "90s or more"),
    ),
    "a pod that is killed while it drains": (
        {**STANDARD, "drainDelaySeconds": 100, "timeoutSeconds": 134},
        ("timeoutSeconds is 134", "drainDelaySeconds", "135 or more"),
    ),
    "a drain that is longer than the default's": (
        {**STANDARD, "env": {"TRELLIS_GRACE_PERIOD": "85"}},
        ("timeoutSeconds is 90", "TRELLIS_GRACE_PERIOD", "95 or more"),
    ),
    "a request longer than Knative lets one be": (
        {"timeoutSeconds": 601},
        ("timeoutSeconds is 601", "600", "max-revision-timeout-seconds"),
    ),
    "more memory reserved than allowed": (
        {"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "512Mi"}}},
        ("resources.requests.memory is 1Gi", "resources.limits.memory is 512Mi"),
    ),
    "more memory reserved than allowed, in other units": (
        {"resources": {"requests": {"memory": "1G"}, "limits": {"memory": 999999999}}},
        ("resources.requests.memory is 1G", "resources.limits.memory"),
    ),
    "more CPU reserved than allowed": (
        {"resources": {"requests": {"cpu": "1001m"}, "limits": {"cpu": 1}}},
        ("resources.requests.cpu is 1001m", "resources.limits.cpu is 1"),
    ),
    "more CPU reserved than a container of one's own has": (
        {"container": {"image": "b:1"}, "resources": {"requests": {"cpu": "2"}}},
        ("resources.requests.cpu is 2", "resources.limits.cpu is 1"),
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
        {"arms": [{"name": "b" * 40, "version": "v1"}]},
        ("arms", "latest-tomato-bbb", "at most 46"),
    ),
    "an arm whose name is too long without tags": (
        {"tagRouting": False, "arms": [{"name": "b" * 47, "version": "v1"}]},
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
    "a label of arms": (
        {"labels": {"trellis.dev/arm-of": "x"}},
        ("labels", "trellis.dev/arm-of"),
    ),
    "a label of KServe's": (
        {"labels": {"serving.kserve.io/inferenceservice": "x"}},
        ("labels", "serving.kserve.io/inferenceservice"),
    ),
    "an annotation of the chart's": (
        {"annotations": {"serving.kserve.io/deploymentMode": "Standard"}},
        ("annotations", "serving.kserve.io/deploymentMode", "mode"),
    ),
    "an annotation of a value that is left out": (
        {"annotations": {"serving.knative.dev/progress-deadline": "90s"}},
        ("annotations", "serving.knative.dev/progress-deadline", "progressDeadline"),
    ),
    "an annotation of the other mode": (
        {"annotations": {"serving.kserve.io/autoscalerClass": "hpa"}},
        ("annotations", "serving.kserve.io/autoscalerClass", "scaling.autoscaler"),
    ),
    "an annotation that goes over the replicas": (
        {"annotations": {"autoscaling.knative.dev/min-scale": "2"}},
        ("annotations", "autoscaling.knative.dev/min-scale", "scaling.minReplicas"),
    ),
    "a name that is too long": ({"name": "n" * 47}, ("name", "47 characters", "latest-n", "46")),
    "a name that is too long without tags": (
        {"name": "n" * 54, "tagRouting": False},
        ("name", "54 characters", "at most 53"),
    ),
    "a name that is too long in Standard mode": (
        {**STANDARD, "name": "n" * 54},
        ("name", "54 characters", "at most 53"),
    ),
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


@pytest.mark.parametrize(
    "values",
    [
        {"name": "n" * 46},
        {"name": "n" * 53, "tagRouting": False},
        {**STANDARD, "name": "n" * 53},
        {"timeoutSeconds": 600},
        {**STANDARD, "timeoutSeconds": 601},
        {**STANDARD, "drainDelaySeconds": 100, "timeoutSeconds": 135},
        {**STANDARD, "timeoutSeconds": 15, "env": {"TRELLIS_GRACE_PERIOD": "5"}},
        {"progressDeadline": "1m30s", "probes": {"startupSeconds": 90}},
        {"resources": {"requests": {"memory": "512Mi"}, "limits": {"memory": "0.5Gi"}}},
        {"resources": {"requests": {"memory": "1G", "cpu": 1}, "limits": {"memory": "1Gi"}}},
        {"resources": {"requests": {"cpu": "1000m"}, "limits": {"cpu": 1}}},
        {"podDisruptionBudget": {"minAvailable": "99%"}},
    ],
    ids=str,
)
def test_what_just_fits_is_rendered(helm: Helm, values: dict[str, Any]) -> None:
    assert helm.render(MODEL, values)


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
        ({"arms": [{"name": "b", "version": "v1", "wieght": 5}]}, "wieght"),
        ({"arms": [{"name": "b"}]}, "version"),
        ({"canaryTrafficPercent": 101}, "canaryTrafficPercent"),
        ({"canaryTrafficPercent": "10"}, "canaryTrafficPercent"),
        ({"mode": "Serverless"}, "mode"),
        ({"progressDeadline": "1 minute"}, "progressDeadline"),
        ({"progressDeadline": "500ms"}, "progressDeadline"),
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

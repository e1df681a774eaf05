from typing import Any

import pytest

from tests.unit.charts.helm import MODEL, Helm, named, of_kind


def predictor(helm: Helm, values: dict[str, Any]) -> dict[str, Any]:
    rendered = named(helm.render(MODEL, values), "InferenceService", "tomato")
    spec: dict[str, Any] = rendered["spec"]["predictor"]
    return spec


@pytest.mark.parametrize("resource", ["nvidia.com/gpu", "amd.com/gpu"])
def test_a_device_is_a_limit_and_tolerates_its_taint(helm: Helm, resource: str) -> None:
    spec = predictor(
        helm,
        {
            "runtime": "trellis-gpu",
            "gpu": {"count": 2, "resourceName": resource},
            "resources": {"limits": {"memory": "4Gi"}},
            "tolerations": [{"key": "spot", "operator": "Exists"}],
        },
    )
    assert spec["model"]["resources"]["limits"] == {resource: "2", "memory": "4Gi"}
    assert spec["tolerations"] == [
        {"key": "spot", "operator": "Exists"},
        {"key": resource, "operator": "Exists", "effect": "NoSchedule"},
    ]


def test_without_a_device_nothing_is_tolerated(helm: Helm) -> None:
    assert "tolerations" not in predictor(helm, {})


def test_nodes_are_chosen_by_label_and_affinity(helm: Helm) -> None:
    affinity: dict[str, Any] = {
        "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}
    }
    spec = predictor(helm, {"nodeSelector": {"accelerator": "nvidia"}, "affinity": affinity})
    assert spec["nodeSelector"] == {"accelerator": "nvidia"}
    assert spec["affinity"] == affinity


@pytest.mark.parametrize(
    ("mode", "key"),
    [("Knative", "serving.knative.dev/revision"), ("Standard", "pod-template-hash")],
)
def test_each_revision_is_spread_for_itself(helm: Helm, mode: str, key: str) -> None:
    topology = {"topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}
    (spread,) = predictor(helm, {"mode": mode, "topologySpread": topology})[
        "topologySpreadConstraints"
    ]
    assert spread["topologyKey"] == "kubernetes.io/hostname"
    assert spread["whenUnsatisfiable"] == "DoNotSchedule"
    assert spread["matchLabelKeys"] == [key]
    labels = {"serving.kserve.io/inferenceservice": "tomato"}
    assert spread["labelSelector"] == {"matchLabels": labels}


def test_a_budget_is_only_there_where_it_is_asked_for(helm: Helm) -> None:
    assert of_kind(helm.render(MODEL), "PodDisruptionBudget") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("minAvailable", 1),
        ("minAvailable", "50%"),
        ("maxUnavailable", 1),
        ("maxUnavailable", "10%"),
    ],
)
def test_a_budget_covers_each_service_of_the_release(helm: Helm, field: str, value: Any) -> None:
    values = {"podDisruptionBudget": {field: value}, "arms": [{"name": "b", "version": "v2"}]}
    budgets = of_kind(helm.render(MODEL, values), "PodDisruptionBudget")
    covered = [
        budget["spec"]["selector"]["matchLabels"]["serving.kserve.io/inferenceservice"]
        for budget in budgets
    ]
    assert covered == ["tomato", "tomato-b"]
    assert all(set(budget["spec"]) == {field, "selector"} for budget in budgets)
    assert all(budget["spec"][field] == value for budget in budgets)


def test_an_arm_is_a_service_of_its_own(helm: Helm) -> None:
    values = {
        "canaryTrafficPercent": 10,
        "scaling": {"minReplicas": 2},
        "arms": [
            {"name": "b", "version": "v2"},
            {"name": "keras", "version": "v2", "runtime": "trellis-keras", "minReplicas": 0},
        ],
    }
    rendered = helm.render(MODEL, values)
    arm = named(rendered, "InferenceService", "tomato-b")["spec"]["predictor"]
    assert arm["model"]["storageUri"] == "pvc://models/tomato/v2"
    assert (arm["minReplicas"], arm["model"]["runtime"]) == (2, "trellis")
    assert "canaryTrafficPercent" not in arm
    other = named(rendered, "InferenceService", "tomato-keras")["spec"]["predictor"]
    assert (other["minReplicas"], other["model"]["runtime"]) == (0, "trellis-keras")

from typing import Any

import pytest

from tests.unit.charts.helm import MODEL, Helm, named, of_kind

TRIGGER = {"type": "prometheus", "metadata": {"query": "vector(1)"}}


def predictor(helm: Helm, values: dict[str, Any]) -> dict[str, Any]:
    rendered = named(helm.render(MODEL, values), "InferenceService", "tomato")
    spec: dict[str, Any] = rendered["spec"]["predictor"]
    return spec


def annotations(helm: Helm, values: dict[str, Any]) -> dict[str, str]:
    rendered = named(helm.render(MODEL, values), "InferenceService", "tomato")
    found: dict[str, str] = rendered["metadata"]["annotations"]
    return found


@pytest.mark.parametrize("metric", ["concurrency", "rps"])
def test_knative_scales_by_requests(helm: Helm, metric: str) -> None:
    spec = predictor(helm, {"scaling": {"metric": metric, "target": 20, "maxReplicas": 5}})
    assert (spec["scaleMetric"], spec["scaleTarget"]) == (metric, 20)
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 5)


def test_zero_replicas_are_said_and_not_left_out(helm: Helm) -> None:
    assert predictor(helm, {"scaling": {"minReplicas": 0}})["minReplicas"] == 0


def test_a_replica_can_be_given_few_requests_at_once(helm: Helm) -> None:
    assert predictor(helm, {"scaling": {"containerConcurrency": 8}})["containerConcurrency"] == 8


def test_knatives_times_are_annotations(helm: Helm) -> None:
    found = annotations(
        helm,
        {
            "scaling": {
                "knative": {"window": "30s", "scaleDownDelay": "1m", "scaleToZeroRetention": "5m"}
            }
        },
    )
    assert found["autoscaling.knative.dev/window"] == "30s"
    assert found["autoscaling.knative.dev/scale-down-delay"] == "1m"
    assert found["autoscaling.knative.dev/scale-to-zero-pod-retention-period"] == "5m"


def test_standard_mode_scales_by_cpu(helm: Helm) -> None:
    values = {"mode": "Standard", "scaling": {"metric": "cpu", "target": 70}}
    assert annotations(helm, values)["serving.kserve.io/autoscalerClass"] == "hpa"
    spec = predictor(helm, values)
    assert (spec["scaleMetric"], spec["scaleTarget"]) == ("cpu", 70)


@pytest.mark.parametrize("autoscaler", ["external", "none"])
def test_standard_mode_can_be_scaled_by_others(helm: Helm, autoscaler: str) -> None:
    values = {"mode": "Standard", "scaling": {"autoscaler": autoscaler}}
    assert annotations(helm, values)["serving.kserve.io/autoscalerClass"] == autoscaler
    assert of_kind(helm.render(MODEL, values), "ScaledObject") == []


def test_keda_scales_the_deployment_that_kserve_makes(helm: Helm) -> None:
    values = {
        "mode": "Standard",
        "scaling": {"autoscaler": "keda", "minReplicas": 0, "keda": {"triggers": [TRIGGER]}},
    }
    (scaled,) = of_kind(helm.render(MODEL, values), "ScaledObject")
    assert scaled["spec"]["scaleTargetRef"]["name"] == "tomato-predictor"
    assert scaled["spec"]["triggers"] == [TRIGGER]
    assert (scaled["spec"]["minReplicaCount"], scaled["spec"]["maxReplicaCount"]) == (0, 3)
    # KServe must not make a second autoscaler.
    assert annotations(helm, values)["serving.kserve.io/autoscalerClass"] == "external"

from typing import Any

import pytest

from tests.unit.charts.helm import MODEL, Helm

NAMES = {"name": "leaf"}


def test_the_next_step_of_a_new_model_is_a_canary(helm: Helm) -> None:
    notes = helm.notes(MODEL, NAMES)
    assert notes.startswith("leaf v1, Knative mode.")
    assert "wait --for=condition=Ready --timeout=5m inferenceservice/leaf" in notes
    assert "helm test tomato -n trellis\n" in notes
    start = notes.index("--set version=v2,canaryTrafficPercent=0\n")
    ready = notes.index("wait --for=condition=Ready", start)
    assert ready < notes.index("--set canaryTrafficPercent=10\n")


def test_a_canary_can_be_moved_promoted_and_taken_back(helm: Helm) -> None:
    notes = helm.notes(MODEL, {"canaryTrafficPercent": 0})
    assert "0 % for the newest revision" in notes
    for percent in ("50", "null", "0"):
        assert f"--set canaryTrafficPercent={percent}\n" in notes
    assert "set canaryTrafficPercent=0 first" in notes


@pytest.mark.parametrize(
    "values", [{"mode": "Standard"}, {"rollout": {"enabled": True}}], ids=["standard", "rollout"]
)
def test_no_weight_is_offered_where_none_may_be_set(helm: Helm, values: dict[str, Any]) -> None:
    notes = helm.notes(MODEL, values)
    assert "--set version=v2" in notes
    assert "--set canaryTrafficPercent" not in notes
    assert "version=v2,canary" not in notes


def test_arms_are_named_and_waited_for(helm: Helm) -> None:
    notes = helm.notes(MODEL, {**NAMES, "arms": [{"name": "b", "version": "v2"}]})
    assert "inferenceservice/leaf inferenceservice/leaf-b" in notes
    assert "Arm b: leaf-b, version v2" in notes


def test_a_device_for_a_runtime_without_one_is_noticed(helm: Helm) -> None:
    assert "set runtime=trellis-gpu" in helm.notes(MODEL, {"gpu": {"count": 1}})
    fitting = {"gpu": {"count": 1}, "runtime": "trellis-gpu"}
    assert "NOTE" not in helm.notes(MODEL, fitting)


def test_a_runtime_for_a_device_that_is_not_asked_for_is_noticed(helm: Helm) -> None:
    runtime = {"runtime": "trellis-gpu"}
    assert "Set gpu.count=1" in helm.notes(MODEL, runtime)
    limited = {**runtime, "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    assert "NOTE" not in helm.notes(MODEL, limited)


def test_a_budget_that_may_hold_a_drain_up_is_noticed(helm: Helm) -> None:
    budget = {"podDisruptionBudget": {"minAvailable": 1}}
    assert "no node that holds one can be drained" in helm.notes(MODEL, budget)
    assert "NOTE" not in helm.notes(MODEL, {**budget, "scaling": {"minReplicas": 2}})


def test_what_moves_traffic_is_shown_how_to_look_at(helm: Helm) -> None:
    rollout = helm.notes(MODEL, {"rollout": {"enabled": True}})
    assert "get rollouts.trellis.dev tomato" in rollout
    assert "--for=condition=Promoted" in rollout
    arms = [{"name": "b", "version": "v2"}]
    experiment = helm.notes(MODEL, {"arms": arms, "experiment": {"enabled": True}})
    assert "get experiments.trellis.dev tomato" in experiment
    assert "trellis.dev" not in helm.notes(MODEL, {"arms": arms})

"""Rollout and Experiment of charts/model are what the types take, and say what the values say."""

from typing import Any

import pytest

from tests.unit.charts.helm import MODEL, Helm, of_kind
from trellis.contracts.experiment_resource import ExperimentSpec
from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.routing_table import WireDocument
from trellis.rollout.resources import ExperimentResource, Rollout

ARMS = [{"name": "b", "version": "v2", "weight": 0.5}, {"name": "c", "version": "v3"}]


def wire(document: WireDocument) -> dict[str, Any]:
    return document.model_dump(by_alias=True)


def rollout(helm: Helm, values: dict[str, Any] | None = None) -> Rollout:
    (found,) = of_kind(
        helm.render(MODEL, {"rollout": {"enabled": True, **(values or {})}}), "Rollout"
    )
    return Rollout.model_validate(found)


def experiment(helm: Helm, values: dict[str, Any] | None = None) -> ExperimentResource:
    given = {"arms": ARMS, "experiment": {"enabled": True, **(values or {})}}
    (found,) = of_kind(helm.render(MODEL, given), "Experiment")
    return ExperimentResource.model_validate(found)


def test_without_either_there_is_none(helm: Helm) -> None:
    rendered = helm.render(MODEL, {"arms": ARMS})
    assert of_kind(rendered, "Rollout") == of_kind(rendered, "Experiment") == []


def test_the_values_defaults_are_the_types(helm: Helm) -> None:
    assert rollout(helm).spec == RolloutSpec(inference_service="tomato")
    spec = wire(experiment(helm).spec)
    own = ("model", "arms")
    defaults = wire(ExperimentSpec.model_validate({name: spec[name] for name in own}))
    assert spec == defaults


def test_a_rollout_is_of_the_service_and_says_what_is_set(helm: Helm) -> None:
    found = rollout(
        helm,
        {
            "steps": [{"weight": 1, "minimumTime": "10m"}, {"weight": 50}],
            "guardrails": [{"metric": "latency", "over": "250ms", "limit": "1%"}],
            "advance": "noHarm",
            "alpha": 0.01,
            "deadline": "2h",
            "onDeadline": "rollback",
            "sameVersion": "trial",
            "split": "unit",
            "warmUp": "5s",
            "paused": True,
        },
    )
    assert found.metadata.name == "tomato"
    assert found.spec == RolloutSpec.model_validate(
        {
            "inferenceService": "tomato",
            "steps": [{"weight": 1, "minimumTime": "10m"}, {"weight": 50}],
            "guardrails": [{"metric": "latency", "over": "250ms", "limit": "1%"}],
            "advance": "noHarm",
            "alpha": 0.01,
            "deadline": "2h",
            "onDeadline": "rollback",
            "sameVersion": "trial",
            "split": "unit",
            "warmUp": "5s",
            "paused": True,
        }
    )


def test_a_rollout_leaves_the_weight_to_the_controller(helm: Helm) -> None:
    (service,) = of_kind(helm.render(MODEL, {"rollout": {"enabled": True}}), "InferenceService")
    assert "canaryTrafficPercent" not in service["spec"]["predictor"]


def test_a_rollout_changes_nothing_of_the_service(helm: Helm) -> None:
    # Any change would make a new revision, and so a rollout of the version that runs.
    without = of_kind(helm.render(MODEL), "InferenceService")
    assert (
        of_kind(helm.render(MODEL, {"rollout": {"enabled": True}}), "InferenceService") == without
    )


def test_the_arms_are_the_services_of_the_release(helm: Helm) -> None:
    rendered = helm.render(MODEL, {"arms": ARMS, "experiment": {"enabled": True, "weight": 2}})
    services = {item["metadata"]["name"]: item for item in of_kind(rendered, "InferenceService")}
    spec = experiment(helm, {"weight": 2}).spec
    assert [(arm.version, arm.inference_service, arm.weight) for arm in spec.arms] == [
        ("v1", "tomato", 2),
        ("v2", "tomato-b", 0.5),
        ("v3", "tomato-c", 1),
    ]
    for arm in spec.arms:
        uri = services[arm.inference_service or ""]["spec"]["predictor"]["model"]["storageUri"]
        assert uri.endswith(f"/{arm.version}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("strategy", "weighted"),
        ("unit", "returning"),
        ("goal", {"kind": "score", "better": "lower"}),
        ("attribution_window", "1d"),
        ("alpha", 0.01),
        ("minimum_share", "10%"),
        ("epoch", "10m"),
    ],
)
def test_an_experiment_says_what_is_set(helm: Helm, name: str, value: Any) -> None:
    key = "".join(part.title() if index else part for index, part in enumerate(name.split("_")))
    found = getattr(experiment(helm, {key: value}).spec, name)
    assert (wire(found) if name == "goal" else found) == value


def test_an_experiment_s_guardrails_are_handed_on(helm: Helm) -> None:
    (found,) = experiment(helm, {"guardrails": [{"metric": "errors"}]}).spec.guardrails
    assert found.metric == "errors"


def test_an_alpha_of_the_command_line_is_taken(helm: Helm) -> None:
    flags = ("--set", "rollout.enabled=true,rollout.alpha=0.01")
    (found,) = of_kind(helm.render(MODEL, flags=flags), "Rollout")
    assert Rollout.model_validate(found).spec.alpha == 0.01

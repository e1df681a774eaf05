from typing import Any

import orjson

from trellis.contracts.experiment import Experiment
from trellis.contracts.experiment_resource import ExperimentSpec
from trellis.rollout.cluster.experiments import applied_spec, experiment, services_of, spec_of

SPEC = {
    "model": "tomato",
    "arms": [{"version": "v1"}, {"version": "v2", "inferenceService": "tomato-b"}],
    "attributionWindow": "7d",
}


def raw(spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"namespace": "farm", "name": "leaves", "uid": "u", "resourceVersion": "7"}
    return {"metadata": {**metadata, "generation": 1}, "spec": spec}


def test_it_is_about_its_arms_services_and_the_one_of_its_model() -> None:
    assert services_of(experiment(raw(SPEC))) == {("farm", "tomato"), ("farm", "tomato-b")}
    elsewhere = [{"version": "v1", "inferenceService": "a"}, {"version": "v2"}]
    found = experiment(raw({**SPEC, "arms": elsewhere}))
    assert services_of(found) == {("farm", "tomato"), ("farm", "a")}


def test_one_that_breaks_a_rule_is_about_nothing() -> None:
    found = experiment(raw({"model": "tomato", "arms": []}))
    assert spec_of(found) is None
    assert services_of(found) == frozenset()
    assert found.parsed_status().phase == "Stopped"


def asked(**changed: Any) -> Experiment:
    arms = [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 3}]
    return Experiment.model_validate({"model": "tomato", "arms": arms, **changed})


def test_what_http_does_not_know_stays_as_it_is() -> None:
    known = ExperimentSpec.model_validate_json(orjson.dumps(SPEC))
    applied = applied_spec(asked(), known, {"v1": "tomato", "v2": "other"})
    assert applied["arms"] == [
        {"version": "v1", "inferenceService": "tomato", "weight": 1},
        {"version": "v2", "inferenceService": "tomato-b", "weight": 3},
    ]
    assert applied["attributionWindow"] == "7d"
    for window, written in ((60, "60s"), (365 * 86_400, "31536000s")):
        assert (
            applied_spec(asked(attribution_window=window), known, {})["attributionWindow"]
            == written
        )


def test_an_arm_of_the_models_own_service_stays_without_a_name() -> None:
    applied = applied_spec(asked(), ExperimentSpec.model_validate_json(orjson.dumps(SPEC)), {})
    assert applied["arms"][0] == {"version": "v1", "weight": 1}
    ExperimentSpec.model_validate_json(orjson.dumps(applied))

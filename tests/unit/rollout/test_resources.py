import json

import pytest
from pydantic import ValidationError

from tests.unit.rollout.crds.specs import (
    BAD_EXPERIMENTS,
    BAD_ROLLOUTS,
    GOOD_EXPERIMENTS,
    GOOD_ROLLOUTS,
    Spec,
    experiment,
    rollout,
)
from trellis.contracts.experiment import Experiment
from trellis.contracts.experiment_resource import ExperimentSpec
from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import RolloutStatus
from trellis.rollout.resources import ExperimentResource, Rollout


@pytest.mark.parametrize("spec", GOOD_ROLLOUTS.values(), ids=GOOD_ROLLOUTS)
def test_a_good_rollout_is_taken(spec: Spec) -> None:
    assert RolloutSpec.model_validate_json(json.dumps(spec), strict=True)


@pytest.mark.parametrize("spec", GOOD_EXPERIMENTS.values(), ids=GOOD_EXPERIMENTS)
def test_a_good_experiment_is_taken(spec: Spec) -> None:
    assert ExperimentSpec.model_validate_json(json.dumps(spec), strict=True)


@pytest.mark.parametrize(("spec", "words"), BAD_ROLLOUTS.values(), ids=BAD_ROLLOUTS)
def test_a_bad_rollout_is_refused_by_name(spec: Spec, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        RolloutSpec.model_validate_json(json.dumps(spec), strict=True)


@pytest.mark.parametrize(("spec", "words"), BAD_EXPERIMENTS.values(), ids=BAD_EXPERIMENTS)
def test_a_bad_experiment_is_refused_by_name(spec: Spec, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ExperimentSpec.model_validate_json(json.dumps(spec), strict=True)


def test_an_object_of_the_api_server_is_read_whole() -> None:
    found = Rollout.model_validate(
        {
            "apiVersion": "trellis.dev/v1alpha1",
            "kind": "Rollout",
            "metadata": {
                "name": "tomato",
                "namespace": "trellis",
                "resourceVersion": "7",
                "generation": 2,
                "managedFields": [{"manager": "kubectl"}],
            },
            "spec": rollout(),
            "status": {"phase": "Waiting", "observedGeneration": 1},
        }
    )
    assert (found.metadata.resource_version, found.metadata.generation) == ("7", 2)
    assert found.status == RolloutStatus(phase="Waiting", observed_generation=1)
    assert found.spec.steps[0].weight == 5


def test_another_version_of_the_api_is_refused() -> None:
    with pytest.raises(ValidationError, match="apiVersion"):
        ExperimentResource.model_validate(
            {"apiVersion": "trellis.dev/v2", "metadata": {"name": "a"}, "spec": experiment()}
        )


def test_an_experiment_is_told_over_http_as_the_gateway_knows_it() -> None:
    spec = ExperimentSpec.model_validate(experiment(attributionWindow="1d", strategy="random"))
    assert spec.over_http() == Experiment.model_validate(
        {
            "model": "tomato",
            "arms": [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 1}],
            "strategy": "random",
            "attributionWindow": 86400,
        }
    )

"""An experiment over HTTP and as a resource are one."""

import pytest
from pydantic import ValidationError

from trellis.contracts.experiment import Experiment
from trellis.contracts.experiment_resource import ExperimentSpec

ASKED = Experiment.model_validate(
    {
        "model": "leaf",
        "arms": [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 3}],
        "strategy": "random",
        "enabled": False,
        "attributionWindow": 31_536_000,
    }
)


def test_what_comes_over_http_goes_back_the_same() -> None:
    spec = ExperimentSpec.of_http(ASKED)
    assert (spec.attribution_window, spec.goal.kind, spec.alpha) == (
        "31536000s",
        "conversion",
        0.05,
    )
    assert spec.over_http() == ASKED


def test_bounds_that_only_resources_have_are_said() -> None:
    arms = tuple(ASKED.arms[0].model_copy(update={"version": f"v{number}"}) for number in range(11))
    with pytest.raises(ValidationError, match="at most 10 items"):
        ExperimentSpec.of_http(ASKED.model_copy(update={"arms": arms}))

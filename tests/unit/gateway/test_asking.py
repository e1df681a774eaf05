"""What does not fit, in a sentence."""

from typing import Any

import pytest
from pydantic import ValidationError

from trellis.contracts.experiment import Experiment
from trellis.gateway.asking import fault_of

ARMS = [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 1}]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"strategy": "bandit"},
            "field 'strategy': Input should be 'hash', 'random' or 'weighted', 'bandit' came",
        ),
        (
            {"arms": [ARMS[0], {**ARMS[1], "weight": -1}]},
            "field 'arms.1.weight': Input should be greater than or equal to 0, -1 came",
        ),
        ({"arms": [ARMS[0], ARMS[0]]}, "arms: versions repeat: v1, v1"),
        ({"enabled": "x" * 80}, "field 'enabled': Input should be a valid boolean"),
        ({"x" * 80: 1}, f"field '{'x' * 64}': Extra inputs are not permitted, 1 came"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_the_field_what_is_wrong_and_what_came_where_it_is_short(
    changed: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Experiment.model_validate({"model": "leaf", "arms": ARMS, **changed})
    assert fault_of(refused.value).startswith(sentence)

"""Experiments as people set them."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from trellis.contracts.experiment import Experiment

HALVES: dict[str, Any] = {
    "model": "leaf",
    "arms": [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 3}],
    "attributionWindow": 60,
}


def test_it_survives_the_wire_and_fits_its_schema() -> None:
    read = Experiment.model_validate(HALVES)
    assert (read.strategy, read.enabled, read.attribution_window) == ("hash", True, 60)
    document = read.model_dump(mode="json", by_alias=True)
    assert Experiment.model_validate(document) == read
    Draft202012Validator(Experiment.model_json_schema(by_alias=True)).validate(document)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"arms": HALVES["arms"][:1]}, "at least 2"),
        ({"arms": [HALVES["arms"][0]] * 2}, "versions repeat: v1, v1"),
        ({"arms": [{"version": v, "weight": 0} for v in ("v1", "v2")]}, "weights sum to 0"),
        ({"arms": [{"version": "v1", "weight": -1}, HALVES["arms"][1]]}, "greater than or equal"),
        ({"arms": [{"version": v, "weight": 1e308} for v in ("v1", "v2")]}, "less than or equal"),
        ({"attributionWindow": 0}, "greater than 0"),
        ({"attributionWindow": 31_536_001}, "less than or equal"),
        ({"attributionWindow": float("inf")}, "less than or equal"),
        ({"attributionWindow": float("nan")}, "less than or equal"),
        ({"strategy": "bandit"}, "'hash', 'random' or 'weighted'"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Experiment.model_validate(HALVES | changed)

"""Exposures and outcomes on the wire."""

import json

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from tests.unit.gateway.events.exposures import exposure
from trellis.contracts.events import Exposure, Outcome

OUTCOME = {
    "requestId": "r1",
    "kind": "label",
    "value": "cat",
    "time": 2.5,
    "experiment": None,
    "model": "leaf",
    "arm": "leaf-1",
    "version": "v1",
    "revision": "leaf-1",
    "exposedAt": 1.5,
    "unit": "0" * 16,
    "sticky": True,
    "propensity": 0.25,
}


def test_an_exposure_survives_the_wire_and_fits_its_schema() -> None:
    met = exposure(propensity=1 / 3, experiment=None)
    text = met.model_dump_json(by_alias=True)
    assert Exposure.model_validate_json(text) == met
    document = json.loads(text)
    assert {"requestId", "tableVersion", "propensity"} <= document.keys()
    Draft202012Validator(Exposure.model_json_schema(by_alias=True)).validate(document)


@pytest.mark.parametrize(
    ("kind", "value"), [("label", "true"), ("score", 0.5), ("conversion", False)]
)
def test_an_outcomes_value_keeps_its_type(kind: str, value: object) -> None:
    text = json.dumps(OUTCOME | {"kind": kind, "value": value})
    read = Outcome.model_validate_json(text)
    assert (type(read.value), read.value) == (type(value), value)


@pytest.mark.parametrize("changed", [{"propensity": 1.5}, {"kind": "guess"}, {"more": 1}], ids=str)
def test_what_is_no_outcome_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Outcome.model_validate(OUTCOME | changed)

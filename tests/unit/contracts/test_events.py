"""Exposures and outcomes on the wire."""

import json

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from tests.unit.gateway.events.exposures import exposure
from trellis.contracts.events import Exposure, Outcome, digest_of_shares

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


def test_shares_are_the_same_by_whatever_sums_and_others_by_any_arm() -> None:
    shares = {"a": 0.1, "b": 0.45, "c": 0.45}
    summed = {"c": 0.15 + 0.3 + 1e-12, "b": 1 - 0.55, "a": 0.7 + 0.1 - 0.7, "without": 0.0}
    assert digest_of_shares(summed) == digest_of_shares(shares)
    others = ({"a": 0.1, "b": 0.2, "c": 0.7}, {"a": 0.1, "b": 0.45, "d": 0.45}, {"a": 0.1})
    assert len({digest_of_shares(one) for one in (shares, *others)}) == 4


@pytest.mark.parametrize("steps", [2000, 3000, 7 * 2**10])
def test_no_share_that_is_written_falls_on_either_side_by_chance(steps: int) -> None:
    for step in range(steps + 1):
        share = 0.001 + 0.997 * step / steps
        digests = {digest_of_shares({"a": share + off}) for off in (-1e-11, 0, 1e-11)}
        assert len(digests) == 1


def test_what_a_gateway_wrote_before_there_were_shares_is_read() -> None:
    met = exposure()
    before = met.model_dump(mode="json", by_alias=True, exclude={"shares"})
    assert Exposure.model_validate(before) == met
    assert Outcome.model_validate(OUTCOME).shares == ""


@pytest.mark.parametrize("changed", [{"propensity": 1.5}, {"kind": "guess"}, {"more": 1}], ids=str)
def test_what_is_no_outcome_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Outcome.model_validate(OUTCOME | changed)

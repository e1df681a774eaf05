"""``model.yaml`` as a type: what it takes, what it refuses, its JSON Schema."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from trellis.contracts.model_yaml import ModelYaml

REPOSITORY = Path(__file__).parents[3]
COMMITTED = sorted(REPOSITORY.glob("models/*/*/model.yaml"))
HASH = "a" * 64


def document(**changed: Any) -> dict[str, Any]:
    return {
        "name": "squares",
        "version": "v1",
        "predictor": "predictors.squares:Squares",
        "inputs": [{"name": "numbers", "datatype": "FP32", "shape": [-1]}],
        "outputs": [{"name": "squares", "datatype": "FP32", "shape": [-1]}],
        "examples": [
            {"inputs": [{"name": "numbers", "datatype": "FP32", "shape": [1], "data": [2.0]}]}
        ],
        "created": "2026-01-01T00:00:00Z",
    } | changed


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: "/".join(path.parts[-3:-1]))
def test_committed_descriptions_fit_the_type_and_its_json_schema(path: Path) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    described = ModelYaml.model_validate(content)
    assert described.name == path.parts[-3]
    assert described.version == path.parts[-2]
    Draft202012Validator(ModelYaml.model_json_schema()).validate(described.model_dump(mode="json"))


def test_the_schema_is_closed_and_describes_its_fields() -> None:
    schema = ModelYaml.model_json_schema()
    Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    assert "TRELLIS_PREDICTOR_PACKAGES" in schema["properties"]["predictor"]["description"]
    assert not Draft202012Validator(schema).is_valid(document(colour="red"))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"name": "../up"}, "name"),
        ({"version": ""}, "version"),
        ({"predictor": "os.system"}, "predictor"),
        ({"predictor": "a:b:c"}, "predictor"),
        ({"inputs": []}, "inputs"),
        ({"examples": []}, "examples"),
        ({"engine": "pickle"}, "'onnx', 'keras' or 'sklearn'"),
        ({"engine": "onnx"}, "engine 'onnx' has no file in artefacts"),
        ({"artefacts": {"onnx": "model.onnx"}}, "has no hash in files"),
        ({"files": {"../secret": HASH}}, "files"),
        ({"files": {"/etc/passwd": HASH}}, "files"),
        ({"files": {"a/.hidden": HASH}}, "files"),
        ({"files": {"model.onnx": "short"}}, "files"),
        ({"created": "yesterday"}, "created"),
        ({"colour": "red"}, "Extra inputs"),
        (
            {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1]}] * 2},
            "input names repeat",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_field(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ModelYaml.model_validate(document(**changed))


def test_an_artefact_with_a_hash_is_taken() -> None:
    described = ModelYaml.model_validate(
        document(engine="onnx", artefacts={"onnx": "a/model.onnx"}, files={"a/model.onnx": HASH})
    )
    assert described.artefacts == {"onnx": "a/model.onnx"}


def test_a_histogram_has_one_edge_more_than_counts() -> None:
    histogram = {"edges": [0, 1], "counts": [1, 2]}
    with pytest.raises(ValidationError, match="2 edges need 1 counts, got 2"):
        ModelYaml.model_validate(document(reference={"rows": 1, "confidence": histogram}))

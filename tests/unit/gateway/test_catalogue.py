import base64
from typing import Any

import pytest

from trellis.gateway.catalogue import Kind, describe_documents


def metadata(**spec: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1], **spec}], "labels": ["a"]}


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ({"datatype": "BYTES", "content": "image"}, "image"),
        ({"datatype": "BYTES", "content": "text"}, "text"),
        ({"datatype": "BYTES"}, "text"),
        ({"datatype": "BYTES", "shape": [-1, 2]}, "other"),
        ({}, "numbers"),
        ({"shape": [-1, 10]}, "features"),
        ({"shape": [-1, -1]}, "other"),
        ({"shape": [-1, 28, 28]}, "other"),
    ],
)
def test_the_kind_of_input(spec: dict[str, Any], kind: Kind) -> None:
    assert describe_documents("m", metadata(**spec), {}).kind == kind


def test_several_inputs_are_for_programs() -> None:
    two = {"inputs": metadata()["inputs"] * 2}
    assert describe_documents("m", two, {}).kind == "other"


def test_features_are_named_where_their_number_fits() -> None:
    document = {**metadata(shape=[-1, 2]), "features": ["age", "height"]}
    assert describe_documents("m", document, {}).features == ("age", "height")
    document["features"] = ["age"]
    assert describe_documents("m", document, {}).features == ("Number 1", "Number 2")


def test_the_datas_note_is_told() -> None:
    document = {**metadata(), "data": {"note": "only drawn leaves"}}
    assert describe_documents("m", document, {}).note == "only drawn leaves"
    assert describe_documents("m", {**metadata(), "data": None}, {}).note == ""


@pytest.mark.parametrize(
    ("spec", "tensor", "value", "image"),
    [
        ({"datatype": "BYTES"}, {"data": ["hi", "ho"]}, "hi", None),
        ({}, {"data": [1, 2]}, [1, 2], None),
        ({"shape": [-1, 2]}, {"shape": [2, 2], "data": [1, 2, 3, 4]}, [1, 2], None),
        ({"shape": [-1, 2]}, {"shape": [1, 2], "data": [[1, 2]]}, [1, 2], None),
        (
            {"datatype": "BYTES", "content": "image"},
            {"data": [base64.b64encode(b"JPEG").decode()]},
            None,
            b"JPEG",
        ),
    ],
)
def test_the_first_row_of_an_example_is_shown(
    spec: dict[str, Any], tensor: dict[str, Any], value: Any, image: bytes | None
) -> None:
    examples = {"examples": [{"title": "t", "inputs": [tensor]}]}
    (example,) = describe_documents("m", metadata(**spec), examples).examples
    assert example == ("t", value, image)


@pytest.mark.parametrize("data", [[], ["not base64!"], [5]])
def test_an_example_that_is_none_is_left_out(data: list[Any]) -> None:
    document = metadata(datatype="BYTES", content="image")
    examples = {"examples": [{"inputs": [{"data": data}]}]}
    assert describe_documents("m", document, examples).examples == ()

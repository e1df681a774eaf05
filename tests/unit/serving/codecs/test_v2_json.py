"""V2's document, with and without binary tensors behind it."""

import json
from typing import Any

import numpy as np
import pytest

from trellis.contracts.tensors import TensorSpec
from trellis.serving.codecs import v2_json
from trellis.serving.errors import BadRequest, DoesNotFit
from trellis.serving.types import Tensors, bytes_array

SPECS = {
    "a": TensorSpec(name="a", datatype="FP32", shape=(-1, 2)),
    "b": TensorSpec(name="b", datatype="BYTES", shape=(-1,)),
}
A = {"name": "a", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}
B = {"name": "b", "datatype": "BYTES", "shape": [1], "data": ["x"]}


def parsed(document: Any) -> v2_json.V2Request:
    return v2_json.parse(json.dumps(document).encode(), None)


def with_binary(document: Any, binary: bytes) -> v2_json.V2Request:
    head = json.dumps(document).encode()
    return v2_json.parse(head + binary, str(len(head)).encode())


def sized(item: dict[str, Any], size: int) -> dict[str, Any]:
    return {k: v for k, v in item.items() if k != "data"} | {
        "parameters": {"binary_data_size": size}
    }


def test_tensors_come_in_the_order_they_were_sent() -> None:
    found = v2_json.tensors(parsed({"inputs": [B, A]}), SPECS, 10)
    assert list(found) == ["b", "a"]
    assert found["a"].tolist() == [[1, 2]]
    assert found["b"].tolist() == [b"x"]


def test_all_the_fields_beside_the_inputs() -> None:
    request = parsed(
        {
            "inputs": [],
            "id": "one",
            "parameters": {"model_version": "v1", "other": 5},
            "outputs": [{"name": "a"}],
        }
    )
    assert (request.id, request.model_version) == ("one", "v1")
    assert request.parameters["other"] == 5
    assert request.outputs == [{"name": "a"}]


def test_a_version_at_the_top_goes_before_one_in_the_parameters() -> None:
    document = {"inputs": [], "model_version": "v2", "parameters": {"model_version": "v1"}}
    assert parsed(document).model_version == "v2"


def test_binary_tensors_lie_one_after_the_other() -> None:
    raw = np.array([3, 4], "<f4").tobytes()
    request = with_binary({"inputs": [sized(A, 8), sized(B, 5)]}, raw + b"\1\0\0\0z")
    found = v2_json.tensors(request, SPECS, 10)
    assert found["a"].tolist() == [[3, 4]]
    assert found["b"].tolist() == [b"z"]


def test_a_string_may_be_told_to_be_base64() -> None:
    coded = B | {"data": ["aGk="], "parameters": {"content_type": "base64"}}
    assert v2_json.tensors(parsed({"inputs": [A, coded]}), SPECS, 10)["b"].tolist() == [b"hi"]


@pytest.mark.parametrize("header", [b"x", b"-1", b"", b"1e3", b"9" * 9999, "²".encode("latin-1")])
def test_a_header_length_that_is_none(header: bytes) -> None:
    with pytest.raises(BadRequest, match="inference-header-content-length"):
        v2_json.parse(b"{}", header)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 5000, b'{"a": NaN}'])
def test_what_is_no_json(body: bytes) -> None:
    with pytest.raises(BadRequest, match=r"the body is not JSON: .* at line 1 column"):
        v2_json.load_object(body)


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b'"x"'])
def test_what_is_no_object(body: bytes) -> None:
    with pytest.raises(BadRequest, match="expected a JSON object"):
        v2_json.load_object(body)


def test_bytes_left_over_are_told() -> None:
    request = with_binary({"inputs": [sized(A, 8), B]}, b"\0" * 9)
    with pytest.raises(BadRequest, match="1 bytes of binary data are left over"):
        v2_json.tensors(request, SPECS, 10)


def test_inputs_of_different_rows_are_told() -> None:
    two = B | {"shape": [2], "data": ["x", "y"]}
    with pytest.raises(DoesNotFit, match="'a' has 1, 'b' has 2"):
        v2_json.tensors(parsed({"inputs": [A, two]}), SPECS, 10)


@pytest.mark.parametrize(
    ("document", "names", "binary"),
    [
        ({}, ("a", "b"), set()),
        ({"outputs": []}, ("a", "b"), set()),
        ({"outputs": [{"name": "b"}]}, ("b",), set()),
        ({"outputs": [{"name": "b"}, {"name": "a"}]}, ("b", "a"), set()),
        ({"parameters": {"binary_data_output": True}}, ("a", "b"), {"a", "b"}),
        (
            {
                "parameters": {"binary_data_output": True},
                "outputs": [{"name": "a", "parameters": {"binary_data": False}}, {"name": "b"}],
            },
            ("a", "b"),
            {"b"},
        ),
        ({"outputs": [{"name": "a", "parameters": {"binary_data": True}}]}, ("a",), {"a"}),
    ],
)
def test_what_the_caller_wants_back(
    document: dict[str, Any], names: tuple[str, ...], binary: set[str]
) -> None:
    plan = v2_json.output_plan(parsed({"inputs": []} | document), SPECS)
    assert (plan.names, set(plan.binary)) == (names, binary)


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ([{"name": "c"}], r"outputs\[0\]: unknown output 'c', expected one of \['a', 'b'\]"),
        ([{"name": "a"}, 5], r"outputs\[1\]: unknown output null"),
        ([{"name": ["a"]}], r"outputs\[0\]: unknown output a list"),
        ([{"name": "a"}, {"name": "a"}], r"outputs\[1\]: output 'a' is asked for twice"),
    ],
)
def test_what_the_caller_cannot_have(outputs: list[Any], words: str) -> None:
    with pytest.raises(DoesNotFit, match=words):
        v2_json.output_plan(parsed({"inputs": [], "outputs": outputs}), SPECS)


OUTPUTS: Tensors = {
    "a": np.array([[1, 2.5]], np.float32),
    "b": bytes_array(["ü".encode()]),
}


def test_an_answer_in_json() -> None:
    plan = v2_json.output_plan(parsed({"inputs": []}), SPECS)
    body, head = v2_json.encode(OUTPUTS, plan, SPECS, "m", "v1", "7")
    assert head is None
    assert json.loads(body) == {
        "model_name": "m",
        "model_version": "v1",
        "id": "7",
        "outputs": [
            {"name": "a", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.5]},
            {"name": "b", "datatype": "BYTES", "shape": [1], "data": ["ü"]},
        ],
    }


def test_an_answer_partly_binary() -> None:
    plan = v2_json.OutputPlan(("b", "a"), frozenset({"b"}))
    body, head = v2_json.encode(OUTPUTS, plan, SPECS, "m", "v1", "7")
    assert head is not None
    first, second = json.loads(body[:head])["outputs"]
    assert first == {
        "name": "b",
        "datatype": "BYTES",
        "shape": [1],
        "parameters": {"binary_data_size": 6},
    }
    assert second["data"] == [1.0, 2.5]
    assert body[head:] == b"\2\0\0\0" + "ü".encode()


def test_numbers_leave_little_endian_whatever_they_were() -> None:
    big = np.array([1, 2], dtype=">i4")
    assert v2_json.to_buffer(big) == np.array([1, 2], "<i4").tobytes()


def test_half_floats_and_slices_can_be_written_as_json() -> None:
    half = np.array([[0.5, 1], [2, 3]], np.float16)[:, 0]
    assert np.asarray(v2_json.to_json(half)).tolist() == [0.5, 2]

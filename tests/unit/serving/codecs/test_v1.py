"""V1's instances as tensors."""

import base64
from typing import Any

import pytest

from trellis.contracts.tensors import TensorSpec
from trellis.serving.codecs import v1
from trellis.serving.errors import DoesNotFit, TooLarge
from trellis.serving.types import Tensors

NUMBER = {"x": TensorSpec(name="x", datatype="FP32", shape=(-1,))}
ROW = {"x": TensorSpec(name="x", datatype="FP32", shape=(-1, 2))}
TEXT = {"x": TensorSpec(name="x", datatype="BYTES", shape=(-1,), content="text")}
IMAGE = {"x": TensorSpec(name="x", datatype="BYTES", shape=(-1,), content="image")}
BOTH = ROW | {"t": TensorSpec(name="t", datatype="BYTES", shape=(-1,))}


def read(instances: Any, specs: dict[str, TensorSpec]) -> Tensors:
    return v1.tensors({"instances": instances}, specs, 10)


@pytest.mark.parametrize(
    ("specs", "instances", "expected"),
    [
        (NUMBER, [1, 2.5], [1, 2.5]),
        (NUMBER, [{"x": 1}, 2], [1, 2]),
        (ROW, [[1, 2], [3, 4]], [[1, 2], [3, 4]]),
        (ROW, [{"x": [1, 2]}], [[1, 2]]),
        (TEXT, ["a", "ü"], [b"a", "ü".encode()]),
        (TEXT, [{"b64": "aGk="}], [b"hi"]),
        (TEXT, [{"x": {"b64": "aGk="}}], [b"hi"]),
        (IMAGE, ["aGk=", {"b64": "aGk="}, {"x": "aGk="}], [b"hi"] * 3),
    ],
)
def test_one_input(specs: dict[str, TensorSpec], instances: Any, expected: Any) -> None:
    assert read(instances, specs)["x"].tolist() == expected


def test_several_inputs_are_objects() -> None:
    found = read([{"t": "a", "x": [1, 2]}, {"x": [3, 4], "t": "b"}], BOTH)
    assert found["x"].tolist() == [[1, 2], [3, 4]]
    assert found["t"].tolist() == [b"a", b"b"]


@pytest.mark.parametrize(
    ("specs", "instances", "words"),
    [
        (NUMBER, None, "'instances' is missing"),
        (NUMBER, {}, "'instances' is an object, expected a list"),
        (NUMBER, [], "'instances' is empty"),
        (NUMBER, [[1]], r"'x': shape is \[1, 1\], expected \[-1\]"),
        (NUMBER, ["1"], "'x': value 0 is '1', expected a number"),
        (NUMBER, [{"b64": "aGk="}], "'x': value 0 is an object, expected a number"),
        (ROW, [[1, 2], [3]], "'x': a list of 1 at depth 2"),
        (ROW, [[1, 2, 3]], r"'x': shape is \[1, 3\]"),
        (ROW, [[]], r"'x': shape is \[1, 0\]"),
        (TEXT, [5], "'x': value 0 is 5, expected a string"),
        (TEXT, [{"b64": 5}], "'x': value 0 is an object, expected a string"),
        (TEXT, [{"b64": base64.b64encode(b"\xff").decode()}], "value 0 is not UTF-8"),
        (IMAGE, ["a", "@"], "'x': value 0 is not base64"),
        (BOTH, [5], r"instances\[0\] is 5, expected an object with \['x', 't'\]"),
        (BOTH, [{"x": [1, 2]}], r"instances\[0\]: input 't' is missing"),
        (BOTH, [{"x": [1, 2], "t": "a", "y": 1}], r"instances\[0\]: unknown input 'y'"),
    ],
)
def test_what_does_not_fit(specs: dict[str, TensorSpec], instances: Any, words: str) -> None:
    with pytest.raises(DoesNotFit, match=words):
        read(instances, specs)


def test_too_many_rows() -> None:
    with pytest.raises(TooLarge, match="'instances' has 11 rows, at most 10"):
        read([1] * 11, NUMBER)

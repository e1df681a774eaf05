"""Large documents are read as the usual parser reads them, mistakes included."""

from typing import Any

import numpy as np
import orjson
import pytest

from trellis.contracts.tensors import TensorSpec
from trellis.serving.codecs import numbers_apart, v2_json
from trellis.serving.codecs.numbers_apart import LARGE, Numbers
from trellis.serving.errors import ServingError

COUNT = 6000


def body(data: Any, datatype: str = "FP32", shape: list[int] | None = None, **more: Any) -> bytes:
    tensor = {"name": "x", "datatype": datatype, "shape": shape or [COUNT], "data": data}
    return orjson.dumps({"inputs": [tensor], **more})


def read(raw: bytes, datatype: str = "FP32", shape: tuple[int, ...] = (-1,)) -> Any:
    """The tensor as bytes, or the error's class and words."""
    specs = {"x": TensorSpec.model_validate({"name": "x", "datatype": datatype, "shape": shape})}
    try:
        found = v2_json.tensors(v2_json.parse(raw, None), specs, max_rows=COUNT)
    except ServingError as error:
        return type(error), str(error)
    return found["x"].dtype.str, found["x"].shape, found["x"].tobytes()


def numbers(first: object = 0.5, at: int = 0) -> list[Any]:
    drawn: list[Any] = np.round(np.random.default_rng(0).normal(0, 100, COUNT), 4).tolist()
    drawn[at] = first
    return drawn


NESTED = [numbers()[:3000], numbers()[3000:]]
RAW = body(numbers())
#: Pairs of a list and an object, within what the parsers take.
DEEP = RAW[:-1] + b',"parameters":{"a":' + b'[{"a":' * 450 + b"0" + b"}]" * 450 + b"}}"

BODIES: dict[str, tuple[bytes, str, tuple[int, ...]]] = {
    "floats": (RAW, "FP32", (-1,)),
    "doubles": (body(numbers(), "FP64"), "FP64", (-1,)),
    "halves": (body(numbers(), "FP16"), "FP16", (-1,)),
    "whole numbers among floats": (body(numbers(7, at=9)), "FP32", (-1,)),
    "a whole number that no double holds": (body(numbers(2**53 + 1), "FP64"), "FP64", (-1,)),
    "the largest whole number": (body(numbers(2**64 - 1)), "FP32", (-1,)),
    "whole numbers": (body(list(range(COUNT)), "INT64"), "INT64", (-1,)),
    "a float among whole numbers": (body([1.0] * COUNT, "INT32"), "INT32", (-1,)),
    "a string": (body(numbers("1", at=5999)), "FP32", (-1,)),
    "true": (body(numbers(first=True, at=3)), "FP32", (-1,)),
    "null": (body(numbers(None, at=3)), "FP32", (-1,)),
    "a list among numbers": (body(numbers([1.0], at=3)), "FP32", (-1,)),
    "an empty list and a pair": (body([[], [1.0, 2.0], *numbers()[2:]]), "FP32", (-1,)),
    "an object": (body(numbers({}, at=3)), "FP32", (-1,)),
    "beyond FP32": (body(numbers(1e39, at=3)), "FP32", (-1,)),
    "beyond FP16": (body(numbers(70000.0, at=3), "FP16"), "FP16", (-1,)),
    "nested": (body(NESTED, shape=[2, 3000]), "FP32", (-1, 3000)),
    "ragged": (body([NESTED[0], NESTED[1][:-1]], shape=[2, 3000]), "FP32", (-1, 3000)),
    "flat for two dimensions": (body(numbers(), shape=[2, 3000]), "FP32", (-1, 3000)),
    "one too few": (body(numbers()[1:]), "FP32", (-1,)),
    "none": (body([], pad=" " * LARGE), "FP32", (-1,)),
    "not a list": (body("x" * LARGE), "FP32", (-1,)),
    "other datatype": (body(numbers(), "FP64"), "FP32", (-1,)),
    "brackets in a string": (body(numbers(), id="[[["), "FP32", (-1,)),
    "id and parameters": (body(numbers(), id="a", parameters={"a": [1, {}]}), "FP32", (-1,)),
    "inputs twice": (RAW[:-1] + b',"inputs":[]}', "FP32", (-1,)),
    "data twice": (RAW.replace(b'"data":', b'"data":[1],"data":'), "FP32", (-1,)),
    "infinity": (RAW.replace(b"0.5", b"1e999", 1), "FP32", (-1,)),
    "NaN": (RAW.replace(b"0.5", b"NaN", 1), "FP32", (-1,)),
    "cut off": (RAW[:-40], "FP32", (-1,)),
    "not UTF-8": (RAW.replace(b'"x"', b'"\xff"'), "FP32", (-1,)),
    "parameters 900 deep": (DEEP, "FP32", (-1,)),
    "a byte order mark": (b"\xef\xbb\xbf" + RAW, "FP32", (-1,)),
    "a list": (b"[" + RAW + b"]", "FP32", (-1,)),
    "no inputs": (orjson.dumps({"pad": " " * LARGE}), "FP32", (-1,)),
    "inputs no list": (orjson.dumps({"inputs": {"pad": " " * LARGE}}), "FP32", (-1,)),
    "an input no object": (orjson.dumps({"inputs": [" " * LARGE]}), "FP32", (-1,)),
    "without data": (orjson.dumps({"inputs": [{"name": " " * LARGE}]}), "FP32", (-1,)),
}


@pytest.mark.parametrize("name", BODIES)
def test_reads_as_the_usual_parser_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, datatype, shape = BODIES[name]
    assert len(raw) >= LARGE
    apart = read(raw, datatype, shape)
    monkeypatch.setattr(numbers_apart, "LARGE", len(raw) + 1)
    assert apart == read(raw, datatype, shape)


def test_a_deep_document_is_read_where_the_usual_parser_reads_it() -> None:
    assert isinstance(read(DEEP)[0], str)


def test_plain_numbers_become_no_list() -> None:
    document = numbers_apart.parse(RAW)
    assert document is not None
    data = document["inputs"][0]["data"]
    assert isinstance(data, Numbers)
    assert data.doubles.tolist() == numbers()
    assert data.as_list == numbers()

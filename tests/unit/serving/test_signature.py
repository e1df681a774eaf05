"""Tensors against a signature: what fits becomes an array, what does not is named."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.contracts.tensors import Datatype, TensorSpec
from trellis.serving import signature
from trellis.serving.errors import BadRequest, DoesNotFit, TooLarge
from trellis.serving.types import bytes_array


def spec(datatype: Datatype = "FP32", shape: tuple[int, ...] = (-1, 3), **more: Any) -> TensorSpec:
    return TensorSpec(name="x", datatype=datatype, shape=shape, **more)


TEXT = spec("BYTES", (-1,), content="text")
IMAGE = spec("BYTES", (-1,), content="image")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("short", "'short'"),
        ("x" * 100, f"'{'x' * 21}…'"),
        (5, "5"),
        (1.5, "1.5"),
        (10**40, "1" + "0" * 23),
        (True, "a boolean"),
        (None, "null"),
        ({}, "an object"),
        ([], "a list"),
    ],
)
def test_a_value_is_described_in_few_words(value: object, words: str) -> None:
    assert signature.describe(value) == words


def test_names_must_be_those_of_the_signature() -> None:
    specs = {
        "a": TensorSpec(name="a", datatype="FP32", shape=(-1, 3)),
        "b": TensorSpec(name="b", datatype="BYTES", shape=(-1,)),
    }
    signature.check_names(["b", "a"], specs)
    with pytest.raises(
        DoesNotFit, match=r"unknown input 'c'; expected 'a' \(FP32 \[-1, 3\]\), 'b'"
    ):
        signature.check_names(["a", "c"], specs)
    with pytest.raises(DoesNotFit, match="input 'b' is missing"):
        signature.check_names(["a"], specs)
    with pytest.raises(DoesNotFit, match="'a' is given 2 times, expected once"):
        signature.check_names(["a", "a", "b"], specs)
    with pytest.raises(DoesNotFit) as caught:
        signature.check_names(["x" * 10_000], specs)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("given", ["FP64", "", None, 5, ["FP32"]])
def test_another_datatype_is_refused(given: object) -> None:
    with pytest.raises(DoesNotFit, match=r"'x': datatype is .*, expected 'FP32'"):
        signature.check_datatype(spec(), given)


@pytest.mark.parametrize("given", [[2, 3], (2, 3)])
def test_a_shape_that_fits(given: object) -> None:
    assert signature.check_shape(spec(), given, 10) == (2, 3)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([3], "shape is [3], expected [-1, 3]"),
        ([2, 4], "shape is [2, 4]"),
        ([-1, 3], "shape is [-1, 3]"),
        ([2, 3, 1], "shape is [2, 3, 1]"),
        ([1 << 41, 3], "shape is ["),
        ([0, 3], "holds nothing, expected at least one row"),
        ([1.0, 3], "in whole numbers"),
        ([True, 3], "in whole numbers"),
        ("23", "shape is '23'"),
        (None, "shape is null"),
        ([1] * 1000, "shape is [1, 1"),
    ],
)
def test_a_shape_that_does_not(given: object, words: str) -> None:
    with pytest.raises(DoesNotFit, match=re.escape(words)) as caught:
        signature.check_shape(spec(), given, 10)
    assert str(caught.value).startswith("input 'x': ")
    assert len(str(caught.value)) < 200


def test_a_free_dimension_takes_any_size_but_none() -> None:
    free = spec(shape=(-1, -1))
    assert signature.check_shape(free, [1, 5], 10) == (1, 5)
    with pytest.raises(DoesNotFit, match="holds nothing"):
        signature.check_shape(free, [1, 0], 10)


def test_too_many_rows_are_too_large() -> None:
    with pytest.raises(TooLarge, match="'x': 11 rows, at most 10 in one request"):
        signature.check_shape(spec(), [11, 3], 10)


def test_inputs_must_agree_on_the_rows() -> None:
    two, three = np.zeros((2, 3)), np.zeros(3)
    assert signature.check_rows({"a": two, "b": two}) == 2
    with pytest.raises(DoesNotFit, match="differ in rows: 'a' has 2, 'b' has 3"):
        signature.check_rows({"a": two, "b": three})


@pytest.mark.parametrize("data", [[1, 2.5, 3, 4, 5, 6], [[1, 2.5, 3], [4, 5, 6]]])
def test_json_flat_or_nested(data: list[Any]) -> None:
    array = signature.from_json(spec(), (2, 3), data)
    assert array.dtype == np.float32
    assert array.tolist() == [[1, 2.5, 3], [4, 5, 6]]


JSON_FAULTS: list[tuple[TensorSpec, tuple[int, ...], Any, str]] = [
    (spec(), (1, 3), [1, 2], "2 values in data, expected 3 for shape [1, 3]"),
    (spec(), (1, 3), "abc", "data is 'abc', expected a list"),
    (spec(), (2, 3), [[1, 2, 3], [4, 5]], "a list of 2 at depth 2 of data, expected 3"),
    (spec(), (2, 3), [[1, 2, 3], 4], "4 beside lists at depth 1"),
    (spec(), (2, 3), [[1, 2, 3]], "a list of 1 at depth 1 of data, expected 2"),
    (spec(), (1, 3), [[[1], [2], [3]]], "nested deeper than shape [1, 3]"),
    (spec(), (1, 3), [1, "2", 3], "value 1 is '2', expected a number"),
    (spec(), (1, 3), [1, 2, [3]], "value 2 is a list, expected a number"),
    (spec(), (1, 3), [1, 2, True], "value 2 is a boolean, expected a number"),
    (spec(), (1, 3), [1, 2, 1e39], "value 2 is inf as FP32, expected a finite number"),
    (spec("FP16"), (1, 3), [1, 2, 70000], "value 2 is inf as FP16"),
    (spec("INT8"), (1, 3), [1, 128, 3], "value 1 is 128, expected -128 to 127 for INT8"),
    (spec("UINT64"), (1, 3), [-1, 1, 1], "value 0 is -1, expected 0 to 18446744073709551615"),
    (spec("INT64"), (1, 3), [1.5, 1, 1], "value 0 is 1.5, expected a whole number"),
    (spec("BOOL"), (1, 3), [True, 1, False], "value 1 is 1, expected true or false"),
    (TEXT, (1,), [5], "value 0 is 5, expected a string"),
    (IMAGE, (2,), ["aGk=", "@"], "value 1 is not base64"),
    (IMAGE, (1,), ["ü"], "value 0 is not base64"),
]


@pytest.mark.parametrize(("wanted", "shape", "data", "words"), JSON_FAULTS)
def test_json_that_does_not_fit(
    wanted: TensorSpec, shape: tuple[int, ...], data: Any, words: str
) -> None:
    with pytest.raises(DoesNotFit, match=re.escape(words)) as caught:
        signature.from_json(wanted, shape, data)
    assert str(caught.value).startswith("input 'x': ")


def test_strings_are_utf8_and_images_base64() -> None:
    assert signature.from_json(TEXT, (1,), ["ü"]).tolist() == ["ü".encode()]
    assert signature.from_json(IMAGE, (1,), ["aGk="]).tolist() == [b"hi"]
    assert signature.from_json(TEXT, (1,), ["aGk="], as_base64=True).tolist() == [b"hi"]


@given(
    st.sampled_from([kind for kind in signature.DTYPES if kind != "BOOL"]),
    st.lists(st.integers(0, 100), min_size=1, max_size=12),
)
def test_numbers_are_the_same_by_json_binary_and_typed(
    datatype: Datatype, values: list[int]
) -> None:
    wanted, shape = spec(datatype, (-1,)), (len(values),)
    raw = np.array(values, signature.DTYPES[datatype]).tobytes()
    by_json = signature.from_json(wanted, shape, list(values))
    assert by_json.dtype == signature.DTYPES[datatype]
    np.testing.assert_array_equal(by_json, signature.from_buffer(wanted, shape, raw))
    np.testing.assert_array_equal(by_json, signature.from_values(wanted, shape, values))


@given(st.lists(st.binary(max_size=9), min_size=1, max_size=6))
def test_bytes_are_the_same_by_binary_and_typed(values: list[bytes]) -> None:
    wanted, shape = spec("BYTES", (-1,)), (len(values),)
    raw = b"".join(len(value).to_bytes(4, "little") + value for value in values)
    assert signature.from_buffer(wanted, shape, raw).tolist() == values
    assert signature.from_values(wanted, shape, values).tolist() == values


@given(st.binary(max_size=40), st.integers(1, 4))
def test_any_other_bytes_are_refused_or_exactly_used(raw: bytes, count: int) -> None:
    try:
        array = signature.from_buffer(spec("BYTES", (-1,)), (count,), raw)
    except BadRequest:
        return
    assert sum(4 + len(value) for value in array) == len(raw)


def test_a_buffer_may_lie_anywhere_in_memory() -> None:
    raw = memoryview(b"\0" + np.array([1, 2, 3], "<f4").tobytes())[1:]
    array = signature.from_buffer(spec(), (1, 3), raw)
    assert array.flags.aligned
    assert array.tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("wanted", "shape", "raw", "words"),
    [
        (spec(), (1, 3), b"\0" * 11, "11 bytes of binary data, expected 12 for FP32"),
        (spec("BOOL"), (1, 3), b"\0\1\2", "a BOOL byte is neither 0 nor 1"),
        (spec(), (1, 3), np.array([1, np.nan, 3], "<f4").tobytes(), "value 1 is nan as FP32"),
        (TEXT, (1,), b"\1\0\0\0\xff", "value 0 is not UTF-8 from byte 0 on"),
        (TEXT, (1,), b"\2\0\0\0a", "value 0 claims 2 bytes, only 1 are left"),
        (TEXT, (1,), b"\2\0", "value 0 claims 2 bytes, only 0 are left"),
        (TEXT, (2,), b"\0\0\0\0", "holds 1 values and 0 bytes more, expected exactly 2"),
        (TEXT, (1 << 39,), b"\0\0\0\0", "holds 1 values"),
    ],
)
def test_a_buffer_that_does_not_fit(
    wanted: TensorSpec, shape: tuple[int, ...], raw: bytes, words: str
) -> None:
    with pytest.raises(BadRequest, match=re.escape(words)):
        signature.from_buffer(wanted, shape, raw)


@pytest.mark.parametrize(
    ("wanted", "values", "words"),
    [
        (spec(), [1, 2], "2 values in contents, expected 3"),
        (spec("INT8"), [1, 300, 3], "value 1 is 300, expected -128 to 127"),
        (spec(), [1, float("nan"), 3], "value 1 is nan"),
        (spec("UINT8"), [1, 2, -1], "value 2 is -1, expected 0 to 255"),
    ],
)
def test_typed_values_that_do_not_fit(wanted: TensorSpec, values: list[Any], words: str) -> None:
    with pytest.raises(DoesNotFit, match=re.escape(words)):
        signature.from_values(wanted, (1, 3), values)


def test_text_is_checked_only_where_the_signature_says_text() -> None:
    raw = bytes_array([b"\xff"])
    assert signature.checked_text(IMAGE, raw) is raw
    with pytest.raises(DoesNotFit, match="not UTF-8"):
        signature.checked_text(TEXT, raw)

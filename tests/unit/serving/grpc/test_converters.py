"""V2 messages and arrays."""

import numpy as np
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from tests.integration.serving.calls import request, tensor
from trellis.contracts.tensors import TensorSpec
from trellis.serving.errors import DoesNotFit
from trellis.serving.grpc import converters
from trellis.serving.signature import DTYPES

SPECS = {
    "a": TensorSpec(name="a", datatype="FP32", shape=(-1, 2)),
    "b": TensorSpec(name="b", datatype="BYTES", shape=(-1,)),
    "h": TensorSpec(name="h", datatype="FP16", shape=(-1,)),
}
AB = {name: SPECS[name] for name in "ab"}


def test_typed_and_raw_give_the_same_arrays() -> None:
    typed = request(
        "m",
        tensor("b", "BYTES", (1,), bytes_contents=[b"x"]),
        tensor("a", "FP32", (1, 2), fp32_contents=[1, 2]),
    )
    raw = request(
        "m",
        tensor("b", "BYTES", (1,)),
        tensor("a", "FP32", (1, 2)),
        raw=[b"\1\0\0\0x", np.array([1, 2], "<f4").tobytes()],
    )
    for message in (typed, raw):
        found = converters.tensors(message, AB, 10)
        assert list(found) == ["b", "a"]
        assert found["a"].tolist() == [[1, 2]]
        assert found["b"].tolist() == [b"x"]


def test_every_datatype_has_a_place_but_half_floats() -> None:
    fields = {field.name for field in pb.InferTensorContents.DESCRIPTOR.fields}
    assert set(converters._CONTENTS.values()) == fields
    assert {*DTYPES, "BYTES"} - set(converters._CONTENTS) == {"FP16"}


def test_inputs_of_different_rows_are_told() -> None:
    message = request(
        "m",
        tensor("b", "BYTES", (2,), bytes_contents=[b"x", b"y"]),
        tensor("a", "FP32", (1, 2), fp32_contents=[1, 2]),
    )
    with pytest.raises(DoesNotFit, match="'b' has 2, 'a' has 1"):
        converters.tensors(message, AB, 10)


def test_outputs_come_as_the_inputs_did() -> None:
    typed = converters.output_plan(request("m"), AB)
    assert (typed.names, typed.binary) == (("a", "b"), frozenset())
    raw = converters.output_plan(request("m", raw=[b""]), AB)
    assert raw.binary == {"a", "b"}
    half = converters.output_plan(request("m"), SPECS)
    assert half.binary == {"a", "b", "h"}, "half floats have no typed form"
    chosen = converters.output_plan(request("m", outputs=[{"name": "b"}]), SPECS)
    assert (chosen.names, chosen.binary) == (("b",), frozenset())

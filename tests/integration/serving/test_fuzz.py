"""No body, however odd, finds a 5xx, and the process lives on: hypothesis and schemathesis."""

import json
import struct
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.integration.serving import calls, lab
from tests.integration.serving.process import Caller, PredictorProcess

MODELS = {
    "table": ("numbers", "FP32", [1, 3]),
    "length": ("text", "BYTES", [1]),
    "redness": ("image", "BYTES", [1]),
    "echo": ("in_INT8", "INT8", [1, 2]),
}
EXPECTED = {200, 400, 404, 413, 415, 422}
EXAMPLES = settings(max_examples=200)


@pytest.fixture(scope="module")
def caller(laboratory: PredictorProcess) -> Iterator[Caller]:
    with laboratory.caller() as caller:
        yield caller
    with laboratory.caller() as again:
        assert again.get("/health").status == 200


names = st.sampled_from([name for name, _, _ in MODELS.values()]) | st.text(max_size=5)
datatypes = st.sampled_from([*lab.NUMBERS, "BYTES"]) | st.text(max_size=5)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=12,
)
shapes = st.lists(st.integers(-1, 4) | st.integers(-(2**65), 2**65), max_size=4) | anything
parameters = (
    st.fixed_dictionaries({}, optional={"binary_data_size": st.integers(-3, 40) | scalars})
    | anything
)
tensors = st.fixed_dictionaries(
    {"name": names, "datatype": datatypes, "shape": shapes},
    optional={
        "data": st.lists(scalars | st.lists(scalars, max_size=4), max_size=6) | anything,
        "parameters": parameters,
    },
)
v2_documents = st.fixed_dictionaries(
    {"inputs": st.lists(tensors | anything, max_size=3) | anything},
    optional={
        "id": anything,
        "parameters": anything,
        "model_version": st.sampled_from(["v1", "v9"]) | anything,
        "outputs": st.lists(st.fixed_dictionaries({"name": names}) | anything, max_size=2)
        | anything,
    },
)


@st.composite
def near_misses(draw: st.DrawFn) -> tuple[str, Any]:
    """A model and a tensor that fits it, with one field drawn anew: what reaches furthest in."""
    model = draw(st.sampled_from(sorted(MODELS)))
    name, datatype, shape = MODELS[model]
    values = ["a"] * 3 if datatype == "BYTES" else [1, 2, 3]
    count = 1
    for size in shape:
        count *= size
    item: dict[str, Any] = {
        "name": name,
        "datatype": datatype,
        "shape": shape,
        "data": values[:count],
    }
    field = draw(st.sampled_from(sorted(item)))
    item[field] = draw({"name": names, "datatype": datatypes, "shape": shapes}.get(field, anything))
    return model, {"inputs": [item]}


def send(caller: Caller, path: str, body: bytes, **headers: str) -> None:
    answer = caller.ask("POST", path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    assert answer.status in EXPECTED, (answer.status, answer.body)
    if answer.status != 200:
        assert answer.error


@EXAMPLES
@given(st.sampled_from(sorted(MODELS)), v2_documents | anything)
def test_v2_json(caller: Caller, model: str, document: Any) -> None:
    send(caller, f"/v2/models/{model}/infer", json.dumps(document).encode())


@EXAMPLES
@given(near_misses())
def test_v2_json_that_nearly_fits(caller: Caller, case: tuple[str, Any]) -> None:
    send(caller, f"/v2/models/{case[0]}/infer", json.dumps(case[1]).encode())


@EXAMPLES
@given(
    st.sampled_from(sorted(MODELS)),
    st.fixed_dictionaries(
        {"instances": st.lists(anything, max_size=5) | anything},
        optional={"model_version": anything},
    )
    | anything,
)
def test_v1_json(caller: Caller, model: str, document: Any) -> None:
    send(caller, f"/v1/models/{model}:predict", json.dumps(document).encode())


@EXAMPLES
@given(
    st.sampled_from(sorted(MODELS)),
    v2_documents,
    st.binary(max_size=40),
    st.none() | st.integers(-5, 300).map(str) | st.text("0123456789-+ .e", max_size=30),
)
def test_v2_binary(
    caller: Caller, model: str, document: Any, blob: bytes, length: str | None
) -> None:
    head = json.dumps(document).encode()
    told = str(len(head)) if length is None else length
    send(
        caller,
        f"/v2/models/{model}/infer",
        head + blob,
        content_type="application/octet-stream",
        inference_header_content_length=told,
    )


@EXAMPLES
@given(
    st.sampled_from(sorted(MODELS)),
    st.lists(st.integers(-1, 4), min_size=1, max_size=2),
    st.lists(st.binary(max_size=12), max_size=4),
    st.integers(-2, 2),
)
def test_v2_binary_of_nearly_the_right_size(
    caller: Caller, model: str, shape: list[int], values: list[bytes], off: int
) -> None:
    name, datatype, _ = MODELS[model]
    blob = b"".join(struct.pack("<I", max(0, len(value) + off)) + value for value in values)
    sized = {"binary_data_size": len(blob)}
    item = {"name": name, "datatype": datatype, "shape": shape, "parameters": sized}
    head = json.dumps({"inputs": [item]}).encode()
    send(
        caller,
        f"/v2/models/{model}/infer",
        head + blob,
        inference_header_content_length=str(len(head)),
    )


@EXAMPLES
@given(
    st.sampled_from(["/v1/models/redness:predict", "/v2/models/redness/infer"]),
    st.binary(max_size=200),
    st.sampled_from(
        [
            "image/png",
            "image/jpeg",
            "application/json",
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "",
        ]
    )
    | st.text('abc/;=-"', max_size=12),
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF....WEBP", b"--x\r\n"]),
)
def test_bytes_of_any_content_type(
    caller: Caller, path: str, body: bytes, kind: str, start: bytes
) -> None:
    send(caller, path, start + body, content_type=kind)


contents = st.fixed_dictionaries(
    {},
    optional={
        "fp32_contents": st.lists(st.floats(width=32), max_size=6),
        "int_contents": st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4),
        "bytes_contents": st.lists(st.binary(max_size=12), max_size=3),
    },
)
GRPC_EXPECTED = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}


@pytest.fixture(scope="module")
def channel(laboratory: PredictorProcess) -> Iterator[grpc.Channel]:
    with calls.channel(laboratory.grpc_address) as channel:
        yield channel


def code_of(channel: grpc.Channel, message: Any) -> grpc.StatusCode:
    try:
        calls.infer(channel, message)
    except grpc.RpcError as error:
        found: grpc.StatusCode = error.code()
        return found
    return grpc.StatusCode.OK


@EXAMPLES
@given(
    st.sampled_from(sorted(MODELS)),
    names,
    datatypes,
    st.lists(st.integers(-1, 4) | st.integers(-(2**63), 2**63 - 1), max_size=3),
    contents,
    st.lists(st.binary(max_size=24), max_size=2),
)
def test_grpc(
    channel: grpc.Channel,
    model: str,
    name: str,
    datatype: str,
    shape: list[int],
    values: dict[str, list[Any]],
    raw: list[bytes],
) -> None:
    message = calls.request(model, calls.tensor(name, datatype, shape, **values), raw=raw)
    assert code_of(channel, message) in GRPC_EXPECTED


@EXAMPLES
@given(st.binary(max_size=60))
def test_grpc_bytes(channel: grpc.Channel, message: bytes) -> None:
    assert code_of(channel, message) in GRPC_EXPECTED


CHECKED = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_every_answer_is_one_that_openapi_describes(
    laboratory: PredictorProcess, mode: schemathesis.GenerationMode
) -> None:
    """With requests as the document describes them, and with requests that break it."""
    schema = schemathesis.openapi.from_url(f"http://{laboratory.address}/openapi.json")
    tried = 0
    for found in schema.exclude(path_regex="versions|sleeper|touchy").get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        if mode.is_negative and operation.method != "post":
            continue  # these take nothing that could be wrong

        @settings(max_examples=10, suppress_health_check=list(HealthCheck))
        @given(operation.as_strategy(generation_mode=mode))
        def check(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(checks=CHECKED)

        check()
        tried += 1
    assert tried > 10

"""V2 JSON with the binary tensor extension: a request's document and its answer's.

Source: Open Inference Protocol v2, REST; binary tensor data extension (``Inference-Header-
Content-Length``, ``binary_data_size``, ``binary_data_output``).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from trellis.contracts.model_yaml import ModelYaml
from trellis.contracts.tensors import Example, TensorSpec
from trellis.serving import signature
from trellis.serving.codecs import numbers_apart
from trellis.serving.errors import BadRequest, DoesNotFit
from trellis.serving.types import Tensors

_NUMPY = orjson.OPT_SERIALIZE_NUMPY


@dataclass(slots=True)
class V2Request:
    """A parsed document; its tensors are read once the version, and so the signature, is known."""

    inputs: list[Any]
    binary: memoryview | None
    id: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    model_version: str | None = None
    outputs: list[Any] | None = None


@dataclass(slots=True)
class OutputPlan:
    """Which outputs go into the answer, in which order, each as binary or as JSON."""

    names: tuple[str, ...]
    binary: frozenset[str]


def load_object(body: bytes | memoryview) -> dict[str, Any]:
    """The JSON object in ``body``; raises ``BadRequest`` for anything else."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(
            f"the body is not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        ) from None
    if type(document) is not dict:
        raise BadRequest(f"the body is {signature.describe(document)}, expected a JSON object")
    return document


def parse(body: bytes, header_length: bytes | None) -> V2Request:
    """Parse a body; ``header_length`` is the ``Inference-Header-Content-Length``, if it came."""
    if header_length is None:
        apart = numbers_apart.parse(body) if len(body) >= numbers_apart.LARGE else None
        document, binary = apart or load_object(body), None
    else:
        size = _header_length(header_length, len(body))
        view = memoryview(body)
        document, binary = load_object(view[:size]), view[size:]
    inputs = document.get("inputs")
    if type(inputs) is not list:
        word = "missing" if inputs is None else signature.describe(inputs)
        raise DoesNotFit(f"field 'inputs' is {word}, expected a list of tensors")
    request = V2Request(inputs, binary)
    parameters = document.get("parameters")
    if parameters is not None:
        request.parameters = _typed(parameters, dict, "parameters", "an object")
    if (given := document.get("id")) is not None:
        request.id = _typed(given, str, "id", "a string")
    if (outputs := document.get("outputs")) is not None:
        request.outputs = _typed(outputs, list, "outputs", "a list")
    version = document.get("model_version", request.parameters.get("model_version"))
    if version is not None:
        request.model_version = _typed(version, str, "model_version", "a string")
    return request


def tensors(request: V2Request, specs: dict[str, TensorSpec], max_rows: int) -> Tensors:
    """The request's inputs as arrays that fit the signature, in its order."""
    for place, item in enumerate(request.inputs):
        if type(item) is not dict or type(item.get("name")) is not str:
            raise DoesNotFit(
                f"inputs[{place}] is no tensor: expected an object with name, datatype, shape and data"
            )
    signature.check_names((item["name"] for item in request.inputs), specs)
    reached = 0
    found: Tensors = {}
    for item in request.inputs:
        spec = specs[item["name"]]
        signature.check_datatype(spec, item.get("datatype"))
        shape = signature.check_shape(spec, item.get("shape"), max_rows)
        parameters = item.get("parameters") or {}
        if type(parameters) is not dict:
            raise DoesNotFit(
                f"input {spec.name!r}: parameters is {signature.describe(parameters)}, expected an object"
            )
        size = parameters.get("binary_data_size")
        if size is None:
            if "data" not in item:
                raise DoesNotFit(
                    f"input {spec.name!r}: field 'data' is missing, expected a list of values"
                )
            coded = parameters.get("content_type") == "base64"
            found[spec.name] = signature.from_json(spec, shape, item["data"], as_base64=coded)
            continue
        raw = _slice(spec.name, request.binary, reached, size)
        reached += len(raw)
        found[spec.name] = signature.from_buffer(spec, shape, raw)
    if request.binary is not None and reached != len(request.binary):
        raise BadRequest(
            f"{len(request.binary) - reached} bytes of binary data are left over: "
            f"binary_data_size adds up to {reached}, {len(request.binary)} came"
        )
    signature.check_rows(found)
    return found


def output_plan(request: V2Request, specs: dict[str, TensorSpec]) -> OutputPlan:
    """What the caller wants back; raises ``DoesNotFit`` for an unknown output."""
    all_binary = request.parameters.get("binary_data_output") is True
    if not request.outputs:
        names = tuple(specs)
        return OutputPlan(names, frozenset(names) if all_binary else frozenset())
    chosen: list[str] = []
    binary: set[str] = set()
    for place, item in enumerate(request.outputs):
        name = item.get("name") if type(item) is dict else None
        if type(name) is not str or name not in specs:
            raise DoesNotFit(
                f"outputs[{place}]: unknown output {signature.describe(name)}, expected one of {list(specs)}"
            )
        if name in chosen:
            raise DoesNotFit(f"outputs[{place}]: output {name!r} is asked for twice")
        chosen.append(name)
        parameters = item.get("parameters")
        wish = parameters.get("binary_data") if type(parameters) is dict else None
        if wish is True or (wish is None and all_binary):
            binary.add(name)
    return OutputPlan(tuple(chosen), frozenset(binary))


def encode(
    outputs: Tensors,
    plan: OutputPlan,
    specs: dict[str, TensorSpec],
    model: str,
    version: str | None,
    request_id: str,
) -> tuple[bytes, int | None]:
    """The answer's body, and the length of its JSON part where binary tensors follow it.

    Where ``version`` is None it does not say which one served; V2 has the field as optional.
    """
    described: list[dict[str, Any]] = []
    blobs: list[bytes] = []
    for name in plan.names:
        array = outputs[name]
        item: dict[str, Any] = {
            "name": name,
            "datatype": specs[name].datatype,
            "shape": array.shape,
        }
        if name in plan.binary:
            blob = to_buffer(array)
            item["parameters"] = {"binary_data_size": len(blob)}
            blobs.append(blob)
        else:
            item["data"] = to_json(array)
        described.append(item)
    document: dict[str, Any] = {"model_name": model}
    if version is not None:
        document["model_version"] = version
    document["id"] = request_id
    document["outputs"] = described
    head = orjson.dumps(document, option=_NUMPY)
    if not plan.binary:
        return head, None
    return b"".join((head, *blobs)), len(head)


def to_json(array: NDArray[Any]) -> Any:
    """What orjson writes as a flat list, row-major."""
    if array.dtype == object:
        return [value.decode("utf-8", "replace") for value in array.flat]
    if array.dtype == np.float16:
        return array.astype(np.float32).ravel()
    return np.ascontiguousarray(array).ravel()


def to_buffer(array: NDArray[Any]) -> bytes:
    """The binary form: little-endian numbers, or strings each behind its length in 4 bytes."""
    if array.dtype == object:
        return b"".join(len(value).to_bytes(4, "little") + value for value in array.flat)
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def decode_example(example: Example, description: ModelYaml) -> Tensors:
    """The tensors of an example of ``model.yaml``."""
    items = [tensor.model_dump(mode="json") for tensor in example.inputs]
    specs = {spec.name: spec for spec in description.inputs}
    return tensors(V2Request(items, None), specs, max_rows=1_000_000)


def _typed(value: Any, expected: type, name: str, words: str) -> Any:
    if type(value) is not expected:
        raise DoesNotFit(f"field {name!r} is {signature.describe(value)}, expected {words}")
    return value


def _header_length(given: bytes, total: int) -> int:
    text = given.decode("latin-1")
    # Python refuses to read a number of thousands of digits: longer than the total is enough.
    short = len(text) <= len(str(total)) and text.isascii() and text.isdigit()
    if not short or int(text) > total:
        raise BadRequest(
            f"header 'inference-header-content-length' is {signature.describe(text)}, "
            f"expected a whole number of at most {total}, the body's length"
        )
    return int(text)


def _slice(name: str, binary: memoryview | None, reached: int, size: Any) -> memoryview:
    if binary is None:
        raise BadRequest(
            f"input {name!r}: binary_data_size is given without the header 'inference-header-content-length'"
        )
    left = len(binary) - reached
    if type(size) is not int or size < 0:
        raise BadRequest(
            f"input {name!r}: binary_data_size is {signature.describe(size)}, expected 0 to {left}"
        )
    if size > left:
        raise BadRequest(f"input {name!r}: binary_data_size is {size}, only {left} bytes are left")
    return binary[reached : reached + size]

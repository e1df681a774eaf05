"""V2 messages to arrays and back; numbers stay bytes where the caller sent them so."""

from typing import Any

from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from trellis.contracts.tensors import Datatype, TensorSpec
from trellis.serving import signature
from trellis.serving.codecs.v2_json import OutputPlan, to_buffer
from trellis.serving.errors import BadRequest, DoesNotFit
from trellis.serving.loaded import LoadedVersion
from trellis.serving.types import Tensors

#: Where each datatype lies in ``InferTensorContents``; FP16 has no typed form.
_CONTENTS: dict[Datatype, str] = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def tensors(request: pb.ModelInferRequest, specs: dict[str, TensorSpec], max_rows: int) -> Tensors:
    """The request's inputs as arrays that fit the signature; raises ``BadRequest``, ``DoesNotFit``."""
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise BadRequest(
            f"{len(raw)} raw_input_contents for {len(request.inputs)} inputs, expected one each"
        )
    signature.check_names((item.name for item in request.inputs), specs)
    found: Tensors = {}
    for place, item in enumerate(request.inputs):
        spec = specs[item.name]
        signature.check_datatype(spec, item.datatype)
        shape = signature.check_shape(spec, list(item.shape), max_rows)
        if raw:
            if item.HasField("contents"):
                raise BadRequest(
                    f"input {item.name!r} has both contents and raw_input_contents, expected one of them"
                )
            found[item.name] = signature.from_buffer(spec, shape, raw[place])
        else:
            found[item.name] = signature.from_values(spec, shape, _contents(spec, item))
    signature.check_rows(found)
    return found


def output_plan(request: pb.ModelInferRequest, specs: dict[str, TensorSpec]) -> OutputPlan:
    """Which outputs go back, raw where the inputs were raw; raises ``DoesNotFit`` for an unknown one."""
    names = [item.name for item in request.outputs] or list(specs)
    for name in names:
        if name not in specs:
            raise DoesNotFit(f"unknown output {name!r:.70}, expected one of {list(specs)}")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DoesNotFit(f"output {twice!r} is asked for {names.count(twice)} times, expected once")
    raw = bool(request.raw_input_contents) or any(specs[name].datatype == "FP16" for name in names)
    return OutputPlan(tuple(names), frozenset(names) if raw else frozenset())


def response(
    outputs: Tensors,
    plan: OutputPlan,
    loaded: LoadedVersion,
    request_id: str,
    answer_as: str | None = None,
) -> pb.ModelInferResponse:
    """The answer; with ``answer_as`` it carries that name and does not say which version served."""
    version = "" if answer_as else loaded.version
    answer = pb.ModelInferResponse(
        model_name=answer_as or loaded.name, model_version=version, id=request_id
    )
    for name in plan.names:
        array = outputs[name]
        datatype = loaded.outputs[name].datatype
        item = answer.outputs.add(name=name, datatype=datatype, shape=array.shape)
        if plan.binary:
            answer.raw_output_contents.append(to_buffer(array))
        else:
            values: Any = array.ravel().tolist() if array.dtype != object else list(array.flat)
            getattr(item.contents, _CONTENTS[datatype]).extend(values)
    return answer


def _contents(spec: TensorSpec, item: Any) -> Any:
    name = _CONTENTS.get(spec.datatype)
    if name is None:
        raise DoesNotFit(
            f"input {spec.name!r}: {spec.datatype} is taken in raw_input_contents only"
        )
    values = getattr(item.contents, name)
    if not len(values):
        other = next((field.name for field, _ in item.contents.ListFields()), None)
        if other is not None:
            raise DoesNotFit(
                f"input {spec.name!r}: values are in {other}, expected {name} for {spec.datatype}"
            )
    return list(values)

"""gRPC calls with KServe's messages, as the tests build them."""

from collections.abc import Sequence
from typing import Any

import grpc
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

SERVICE = "/inference.GRPCInferenceService/"


def channel(address: str) -> grpc.Channel:
    """A blocking channel of its own connection."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
    return grpc.insecure_channel(address, options)


def tensor(name: str, datatype: str, shape: Sequence[int], **contents: Any) -> Any:
    """One typed input, or with no ``contents`` one whose bytes are raw."""
    item = pb.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape)
    for field, values in contents.items():
        getattr(item.contents, field).extend(values)
    return item


def request(model: str, *inputs: Any, raw: Sequence[bytes] = (), **fields: Any) -> Any:
    """A ``ModelInferRequest``."""
    return pb.ModelInferRequest(model_name=model, inputs=inputs, raw_input_contents=raw, **fields)


def table(*values: float, shape: Sequence[int] = (1, 3), **fields: Any) -> Any:
    """A typed request for squares of three columns."""
    return request("table", tensor("numbers", "FP32", shape, fp32_contents=values), **fields)


def call(to: grpc.Channel, method: str, message: Any, answer: Any, **options: Any) -> Any:
    """Call a method by name; ``answer`` is the message's class."""
    stub = to.unary_unary(
        SERVICE + method,
        request_serializer=type(message).SerializeToString
        if hasattr(message, "SerializeToString")
        else None,
        response_deserializer=answer.FromString,
    )
    return stub(message, timeout=options.pop("timeout", 20), **options)


def infer(to: grpc.Channel, message: Any, **options: Any) -> Any:
    """``ModelInfer``; ``message`` may be raw bytes."""
    return call(to, "ModelInfer", message, pb.ModelInferResponse, **options)

"""V2 over gRPC: typed and raw tensors, versions, health, reflection, the repository, codes."""

import struct
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from tests.integration.serving import calls, lab, pictures
from tests.integration.serving.calls import call, infer, request, table, tensor
from tests.integration.serving.process import Caller, PredictorProcess
from trellis.serving.grpc.converters import _CONTENTS
from trellis.serving.signature import DTYPES


@pytest.fixture
def channel(laboratory: PredictorProcess) -> Iterator[grpc.Channel]:
    with calls.channel(laboratory.grpc_address) as found:
        yield found


def test_typed_in_typed_out(channel: grpc.Channel) -> None:
    answer = infer(channel, table(1, -2, 3, id="mine"))
    assert (answer.model_name, answer.model_version, answer.id) == ("table", "v1", "mine")
    (output,) = answer.outputs
    assert (output.name, output.datatype, list(output.shape)) == ("squares", "FP32", [1, 3])
    assert list(output.contents.fp32_contents) == [1, 4, 9]
    assert not answer.raw_output_contents


def test_raw_in_raw_out(channel: grpc.Channel) -> None:
    raw = np.array([[1, 2, 3], [4, 5, 6]], dtype="<f4").tobytes()
    answer = infer(channel, request("table", tensor("numbers", "FP32", (2, 3)), raw=[raw]))
    (blob,) = answer.raw_output_contents
    assert np.frombuffer(blob, "<f4").tolist() == [1, 4, 9, 16, 25, 36]
    assert not answer.outputs[0].HasField("contents")


def test_every_datatype_survives_raw(channel: grpc.Channel) -> None:
    blobs = [np.array([1, 0], DTYPES[kind]).tobytes() for kind in lab.NUMBERS]
    blobs.append(b"".join(struct.pack("<I", len(value)) + value for value in (b"\xff\0", b"")))
    inputs = [tensor(f"in_{kind}", kind, (1, 2)) for kind in (*lab.NUMBERS, "BYTES")]
    answer = infer(channel, request("echo", *inputs, raw=blobs))
    assert [output.datatype for output in answer.outputs] == [*lab.NUMBERS, "BYTES"]
    assert list(answer.raw_output_contents) == blobs


def test_every_datatype_but_fp16_survives_typed(channel: grpc.Channel) -> None:
    """V2 has no typed form for FP16, so the whole answer comes raw where it is asked for."""
    values: dict[str, list[object]] = {"BYTES": [b"\xff\0", b""], "BOOL": [True, False]}
    inputs = [
        tensor(f"in_{kind}", kind, (1, 2), **{_CONTENTS[kind]: values.get(kind, [1, 0])})
        for kind in (*lab.NUMBERS, "BYTES")
        if kind != "FP16"
    ]
    half = tensor("in_FP16", "FP16", (1, 2))
    with pytest.raises(grpc.RpcError) as caught:
        infer(channel, request("echo", *inputs, half))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "FP16 is taken in raw_input_contents only" in (caught.value.details() or "")


def test_a_picture(channel: grpc.Channel) -> None:
    files = [pictures.jpeg((250, 0, 0)), pictures.png((0, 0, 250))]
    answer = infer(
        channel, request("redness", tensor("image", "BYTES", (2,), bytes_contents=files))
    )
    assert [output.name for output in answer.outputs] == ["probabilities", "label", "confidence"]
    assert list(answer.outputs[1].contents.bytes_contents) == [b"red", b"other"]


def test_outputs_are_chosen_and_ordered_by_the_caller(channel: grpc.Channel) -> None:
    image = tensor("image", "BYTES", (1,), bytes_contents=[pictures.png((250, 0, 0))])
    chosen = [{"name": "confidence"}, {"name": "label"}]
    answer = infer(channel, request("redness", image, outputs=chosen))
    assert [output.name for output in answer.outputs] == ["confidence", "label"]


def squares(**fields: Any) -> Any:
    return request("squares", tensor("numbers", "FP32", (1,), fp32_contents=[2]), **fields)


def test_the_version_is_chosen_by_the_message_or_the_metadata(channel: grpc.Channel) -> None:
    assert infer(channel, squares()).model_version == "v10"
    assert infer(channel, squares(model_version="v1")).model_version == "v1"
    by_metadata = infer(channel, squares(), metadata=[("x-model-version", "v2")])
    assert by_metadata.model_version == "v2"


def test_an_unknown_version_is_not_found_or_the_default_if_the_caller_says_so(
    channel: grpc.Channel,
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        infer(channel, squares(model_version="v3"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    allowed = squares(
        model_version="v3", parameters={"fallback": pb.InferParameter(bool_param=True)}
    )
    assert infer(channel, allowed).model_version == "v10"


def test_trailing_metadata_says_who_answered(laboratory: PredictorProcess, caller: Caller) -> None:
    with calls.channel(laboratory.grpc_address) as channel:
        stub = channel.unary_unary(
            calls.SERVICE + "ModelInfer",
            request_serializer=pb.ModelInferRequest.SerializeToString,
            response_deserializer=pb.ModelInferResponse.FromString,
        )
        _, done = stub.with_call(squares(), timeout=20, metadata=(("x-request-id", "mine-2"),))
    trailing = {item.key: item.value for item in done.trailing_metadata() or ()}  # type: ignore[attr-defined]  # grpc's metadata items are named tuples
    assert trailing["x-request-id"] == "mine-2"
    assert (trailing["x-model-version"], trailing["x-model-revision"]) == ("v10", "v10")
    told = caller.get("/v2/models/squares").json["fingerprint"]
    assert trailing["x-model-fingerprint"] == told


def test_server_and_model_are_live_ready_and_described(channel: grpc.Channel) -> None:
    assert call(channel, "ServerLive", pb.ServerLiveRequest(), pb.ServerLiveResponse).live
    assert call(channel, "ServerReady", pb.ServerReadyRequest(), pb.ServerReadyResponse).ready
    ready = call(channel, "ModelReady", pb.ModelReadyRequest(name="table"), pb.ModelReadyResponse)
    assert ready.ready
    server = call(channel, "ServerMetadata", pb.ServerMetadataRequest(), pb.ServerMetadataResponse)
    assert server.name == "trellis"
    model = call(
        channel, "ModelMetadata", pb.ModelMetadataRequest(name="squares"), pb.ModelMetadataResponse
    )
    assert list(model.versions) == ["v1", "v2", "v10"]
    assert (model.inputs[0].name, model.inputs[0].datatype) == ("numbers", "FP32")
    assert list(model.inputs[0].shape) == [-1]


@pytest.mark.parametrize("method", ["ModelReady", "ModelMetadata"])
def test_an_unknown_model_is_not_found(channel: grpc.Channel, method: str) -> None:
    message = getattr(pb, f"{method}Request")(name="none")
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, method, message, getattr(pb, f"{method}Response"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_an_unknown_method_is_unimplemented(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, "ModelGuess", pb.ServerLiveRequest(), pb.ServerLiveResponse)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("service", ["", "inference.GRPCInferenceService"])
def test_health(channel: grpc.Channel, service: str) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=20)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_names_and_describes_the_services(channel: grpc.Channel) -> None:
    reflected = ProtoReflectionDescriptorDatabase(channel)
    assert set(reflected.get_services()) >= {
        "inference.GRPCInferenceService",
        "grpc.health.v1.Health",
    }
    service = DescriptorPool(reflected).FindServiceByName("inference.GRPCInferenceService")
    assert "ModelInfer" in [method.name for method in service.methods]


def test_a_deadline_of_the_caller_is_kept(channel: grpc.Channel) -> None:
    slow = request("sleeper", tensor("seconds", "FP32", (1,), fp32_contents=[0.6]))
    with pytest.raises(grpc.RpcError) as caught:
        infer(channel, slow, timeout=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert infer(channel, table(1, 2, 3)).model_name == "table"


def test_a_faulty_predictor_is_internal_without_internals(channel: grpc.Channel) -> None:
    broken = request("touchy", tensor("numbers", "FP32", (1,), fp32_contents=[13]))
    with pytest.raises(grpc.RpcError) as caught:
        infer(channel, broken)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert caught.value.details() == "the prediction failed"

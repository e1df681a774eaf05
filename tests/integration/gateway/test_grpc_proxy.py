"""gRPC through the gateway: bytes in, bytes out, by a real client and a real upstream."""

import json
import math
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc as services

from tests.integration.gateway.processes import Gateway

Ask = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]


@pytest_asyncio.fixture
async def channel(gateway: Gateway) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as connected:
        yield connected


def request(model: str, version: str = "") -> bytes:
    message = pb.ModelInferRequest(model_name=model, model_version=version, id="7")
    message.raw_input_contents.append(bytes(range(256)))
    serialized: bytes = message.SerializeToString()
    return serialized


async def infer(
    channel: grpc.aio.Channel, message: bytes, *, timeout: float = 20, **metadata: str
) -> tuple[bytes, dict[str, Any], dict[str, str]]:
    """The answer, what the upstream saw, and the metadata that came back."""
    ask: Ask = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    given = tuple((key.replace("_", "-"), value) for key, value in metadata.items())
    call = ask(message, timeout=timeout, metadata=given)
    answer = await call
    initial = {key: str(value) for key, value in (await call.initial_metadata()) or ()}
    return answer, json.loads(initial.pop("seen")), initial


async def test_bytes_pass_unchanged_but_for_the_name(channel: grpc.aio.Channel) -> None:
    answer, _, _ = await infer(channel, request("sentiment"))
    assert answer == request("sentiment")
    answer, _, _ = await infer(channel, request("renamed"))
    assert answer == request("sentiment")


async def test_identity_and_metadata_are_passed_on_and_told(channel: grpc.aio.Channel) -> None:
    _, seen, initial = await infer(channel, request("split"), x_request_id="r-9", other="kept")
    assert (seen["x-request-id"], seen["other"]) == ("r-9", "kept")
    assert seen["traceparent"].startswith("00-")
    assert initial["x-request-id"] == "r-9"


async def test_knative_is_told_of_a_tag_by_the_gateway_alone(channel: grpc.aio.Channel) -> None:
    _, seen, _ = await infer(channel, request("renamed"), knative_serving_tag="latest")
    assert seen["knative-serving-tag"] == "prev"
    _, seen, _ = await infer(channel, request("split"), knative_serving_tag="latest")
    assert "knative-serving-tag" not in seen


async def test_units_are_shared_by_weight_and_stay(channel: grpc.aio.Channel) -> None:
    async def version_of(unit: str) -> str:
        _, seen, _ = await infer(channel, request("split"), x_unit_id=unit)
        return str(seen["served-by"])

    versions = [await version_of(f"user {number}") for number in range(400)]
    assert versions[:20] == [await version_of(f"user {number}") for number in range(20)]
    share = versions.count("v2") / len(versions)
    # Five standard errors; the units are fixed, so it passes always or never.
    assert abs(share - 0.2) < 5 * math.sqrt(0.2 * 0.8 / 400)


@pytest.mark.parametrize("how", ["field", "metadata"])
async def test_a_version_is_chosen_and_then_told(channel: grpc.aio.Channel, how: str) -> None:
    for version in ("v1", "v2"):
        if how == "field":
            _, seen, initial = await infer(channel, request("split", version))
        else:
            _, seen, initial = await infer(channel, request("split"), x_model_version=version)
        assert seen["served-by"] == initial["x-model-version"] == version
        assert initial["x-model-fingerprint"] == f"sha256:{version}"
    _, _, initial = await infer(channel, request("split"))
    assert not {"x-model-version", "x-model-fingerprint"} & initial.keys()


async def test_an_unknown_version_falls_back_where_the_caller_lets_it(
    channel: grpc.aio.Channel,
) -> None:
    message = pb.ModelInferRequest(model_name="split", model_version="v9")
    message.parameters["fallback"].bool_param = True
    _, seen, _ = await infer(channel, message.SerializeToString())
    assert seen["served-by"] in {"v1", "v2"}


@pytest.mark.parametrize(
    ("message", "code", "sentence"),
    [
        (request("nope"), grpc.StatusCode.NOT_FOUND, "unknown model 'nope'"),
        (request("split", "v9"), grpc.StatusCode.NOT_FOUND, "known are: v1, v2"),
        (b"", grpc.StatusCode.NOT_FOUND, "model_name is empty"),
        (b"\x0a\xff", grpc.StatusCode.INVALID_ARGUMENT, "does not end"),
    ],
)
async def test_refusals_have_the_designs_codes(
    channel: grpc.aio.Channel, message: bytes, code: grpc.StatusCode, sentence: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await infer(channel, message, x_request_id="r-3")
    assert refused.value.code() is code
    assert sentence in (refused.value.details() or "")
    assert ("x-request-id", "r-3") in tuple(refused.value.trailing_metadata() or ())


async def test_an_upstreams_refusal_passes(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await infer(channel, request("split"), x_do="refuse")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details() == "upstream says no"


async def test_the_callers_deadline_and_the_gateways_own_hold(channel: grpc.aio.Channel) -> None:
    for timeout in (0.3, 20):
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await infer(channel, request("split"), timeout=timeout, x_do="think:5")
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_server_level_calls_are_answered_here(channel: grpc.aio.Channel) -> None:
    stub = services.GRPCInferenceServiceStub(channel)
    assert (await stub.ServerLive(pb.ServerLiveRequest())).live
    assert (await stub.ServerReady(pb.ServerReadyRequest())).ready
    assert (await stub.ServerMetadata(pb.ServerMetadataRequest())).name == "trellis-gateway"


async def test_the_repository_is_not_for_everybody(channel: grpc.aio.Channel) -> None:
    stub = services.GRPCInferenceServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name="split"))
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_health(channel: grpc.aio.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    assert (await stub.Check(health_pb2.HealthCheckRequest())).status == serving
    watch = stub.Watch(health_pb2.HealthCheckRequest())
    assert (await watch.read()).status == serving
    watch.cancel()


async def test_calls_are_counted_under_the_http_status(
    gateway: Gateway, channel: grpc.aio.Channel
) -> None:
    def count(code: str) -> float:
        return gateway.metric(
            "trellis_requests_total", model="split", version="v1", code=code, protocol="grpc"
        )

    before = count("200"), count("400")
    await infer(channel, request("split", "v1"))
    with pytest.raises(grpc.aio.AioRpcError):
        await infer(channel, request("split", "v1"), x_do="refuse")
    assert (count("200"), count("400")) == (before[0] + 1, before[1] + 1)

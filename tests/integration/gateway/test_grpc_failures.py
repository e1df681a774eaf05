"""A predictor's own refusal against a connection that ends under a call, as grpc tells both."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from prometheus_client import CollectorRegistry

from tests.integration.gateway.processes import FakeUpstream, table_of
from trellis.contracts.routing_table import Arm
from trellis.gateway.channels import Channels
from trellis.gateway.errors import FAILED
from trellis.gateway.grpc_failures import connection_broke
from trellis.gateway.grpc_proxy import GrpcProxy
from trellis.gateway.parts import open_parts
from trellis.gateway.settings import Settings

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


class Refuses(grpc.GenericRpcHandler):
    """Says that it is unavailable."""

    def service(self, _details: grpc.HandlerCallDetails) -> Any:
        return grpc.unary_unary_rpc_method_handler(self._refuse)

    async def _refuse(self, _request: bytes, context: Any) -> None:
        await context.abort(UNAVAILABLE, "not now")


async def test_a_refusal_over_a_connection_that_stays_is_no_end_of_it() -> None:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Refuses(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask: Any = channel.unary_unary("/any/method")
        with pytest.raises(grpc.aio.AioRpcError, match="not now") as refused:
            await ask(b"", timeout=20)
        assert refused.value.code() is UNAVAILABLE
        assert not await connection_broke(refused.value, channel)
    await server.stop(None)


async def test_a_predictor_that_is_killed_ends_its_connections(tmp_path: Path) -> None:
    upstream = FakeUpstream("v1", tmp_path)
    await asyncio.to_thread(upstream.up)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{upstream.grpc_port}") as channel:
        ask: Any = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        assert await ask(b"is inside", timeout=20) == b"is inside"
        call = ask(b"", metadata=(("x-do", "think:60"),), timeout=60)
        await asyncio.sleep(0.2)
        await asyncio.to_thread(upstream.stop, signal.SIGKILL)
        with pytest.raises(grpc.aio.AioRpcError) as broke:
            await call
        assert broke.value.code() is UNAVAILABLE
        assert await connection_broke(broke.value, channel)


class Faulty(Channels):
    """Fails as only a fault of the gateway's own would."""

    async def connected(self, arm: Arm, timeout: float) -> grpc.aio.Channel:
        raise KeyError(arm.url, timeout)


async def test_a_fault_of_the_gateway_is_told_in_words_and_counted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "table.json"
    arm = FakeUpstream("v1", tmp_path).arm(intervals=[[0, 1]])  # never started
    table.write_text(json.dumps(table_of({"squares": [arm]})))
    async with open_parts(Settings(routing_table_file=table), CollectorRegistry()) as parts:
        async with asyncio.timeout(20):
            while not parts.holder.ready:  # noqa: ASYNC110 - the holder has no event for a test
                await asyncio.sleep(0.01)
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((GrpcProxy(parts, Faulty(1.0, 1000)),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            ask: Any = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
            message = pb.ModelInferRequest(model_name="squares").SerializeToString()
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await ask(message, metadata=(("x-request-id", "r-1"),), timeout=20)
        await server.stop(None)
    assert failed.value.code() is grpc.StatusCode.INTERNAL
    assert failed.value.details() == FAILED
    assert dict(failed.value.trailing_metadata() or ())["x-request-id"] == "r-1"
    assert "r-1" in "".join(capfd.readouterr())

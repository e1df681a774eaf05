"""Bad moments with real processes under load: a predictor killed, a gateway told to stop."""

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from tests.integration.gateway.processes import FakeUpstream, Gateway, get, post_json, table_of

CONNECTIONS = 16


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[FakeUpstream]:
    process = FakeUpstream("v1", tmp_path)
    process.up()
    yield process
    process.stop(signal.SIGKILL)


StartGateway = Callable[..., Gateway]


@pytest.fixture
def start_gateway(upstream: FakeUpstream, tmp_path: Path) -> Iterator[StartGateway]:
    """Starts gateways before ``upstream`` with the settings given; none outlives the test."""
    started: list[Gateway] = []

    def start(**settings: Any) -> Gateway:
        table = table_of({"squares": [upstream.arm(intervals=[[0, 1]])]})
        started.append(Gateway(tmp_path, table, **settings))
        started[-1].up()
        return started[-1]

    yield start
    for gateway in started:
        assert gateway.child is not None
        if gateway.child.poll() is None:
            gateway.stop()


async def ask_until(
    url: str, stop: asyncio.Event, codes: Counter[Any], do: str = "slow:0.005"
) -> None:
    """``CONNECTIONS`` callers that ask one request after another until ``stop``."""

    async def caller(session: aiohttp.ClientSession) -> None:
        while not stop.is_set():
            try:
                async with session.post(
                    f"{url}/v2/models/squares/x", data=b"{}", headers={"x-do": do}
                ) as response:
                    await response.read()
                    codes[response.status] += 1
            except aiohttp.ClientConnectorError:
                codes["refused"] += 1
                return
            except aiohttp.ClientError:
                codes["broken"] += 1

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(caller(session) for _ in range(CONNECTIONS)))


async def test_a_predictor_killed_under_load_costs_only_the_requests_inside_it(
    upstream: FakeUpstream, start_gateway: StartGateway
) -> None:
    gateway = start_gateway()
    codes: Counter[Any] = Counter()
    stop = asyncio.Event()
    load = asyncio.create_task(ask_until(gateway.url, stop, codes))
    for _ in range(3):
        await asyncio.sleep(0.7)
        await asyncio.to_thread(upstream.stop, signal.SIGKILL)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(upstream.up)
    await asyncio.sleep(0.5)
    stop.set()
    await load
    gateway.stop()
    assert codes.keys() <= {200, 502}
    assert codes[200] > 100
    # Each kill may take what was inside. A process that dies closes one connection after the other,
    # so a caller whose request was taken may send its next one into it too: at most two each.
    assert codes[502] <= 3 * 2 * CONNECTIONS


async def test_a_predictor_that_is_down_costs_those_who_wait_long_enough_nothing(
    upstream: FakeUpstream, start_gateway: StartGateway
) -> None:
    gateway = start_gateway()
    upstream.stop(signal.SIGKILL)
    waiting = [
        asyncio.create_task(asyncio.to_thread(post_json, f"{gateway.url}/v2/models/squares/x", {}))
        for _ in range(4)
    ]
    await asyncio.sleep(0.5)
    await asyncio.to_thread(upstream.up)
    assert {answer[0] for answer in await asyncio.gather(*waiting)} == {200}


async def test_a_grpc_call_waits_for_a_predictor_too(
    upstream: FakeUpstream, start_gateway: StartGateway
) -> None:
    gateway = start_gateway()
    message = pb.ModelInferRequest(model_name="squares").SerializeToString()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel:
        ask: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer"
        )
        assert await ask(message, timeout=20) == message
        await asyncio.to_thread(upstream.stop, signal.SIGKILL)
        waiting = asyncio.ensure_future(ask(message, timeout=20))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(upstream.up)
        assert await waiting == message


async def test_a_grpc_call_inside_a_killed_predictor_fails_in_our_words(
    upstream: FakeUpstream, start_gateway: StartGateway
) -> None:
    gateway = start_gateway()
    message = pb.ModelInferRequest(model_name="squares").SerializeToString()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel:
        ask: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer"
        )
        inside = asyncio.ensure_future(ask(message, timeout=20, metadata=(("x-do", "think:9"),)))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(upstream.stop, signal.SIGKILL)
        with pytest.raises(grpc.aio.AioRpcError) as broke:
            await inside
    assert broke.value.code() is grpc.StatusCode.UNAVAILABLE
    assert broke.value.details() == (
        "the model's predictor closed the connection before its answer was whole"
    )
    assert gateway.metric("trellis_requests_total", code="502", protocol="grpc") == 1


async def test_an_open_watch_of_health_is_told_and_holds_up_no_stop(
    start_gateway: StartGateway,
) -> None:
    gateway = start_gateway()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        told = []
        async for answer in watch:
            told.append(answer.status)
            if len(told) == 1:
                gateway.send(signal.SIGTERM)
        assert gateway.child is not None
        # The grace period is 30 s.
        assert await asyncio.to_thread(gateway.child.wait, 10) == 0
    health = health_pb2.HealthCheckResponse
    assert told == [health.SERVING, health.NOT_SERVING]


def test_a_predictor_that_stays_down_is_503_with_when_to_come_again(
    upstream: FakeUpstream, start_gateway: StartGateway
) -> None:
    gateway = start_gateway(connect_wait=0.5)
    upstream.stop(signal.SIGKILL)
    started = time.monotonic()
    status, headers, body = post_json(f"{gateway.url}/v2/models/squares/x", {})
    assert status == 503
    assert time.monotonic() - started >= 0.5
    assert headers["retry-after"] == "1"
    assert "nothing was sent" in json.loads(body)["error"]
    page_status, _, page = get(f"{gateway.url}/?model=squares")
    assert page_status == 503
    assert b"Try again" in page
    assert get(f"{gateway.url}/health")[0] == 200


async def test_a_gateway_told_to_stop_finishes_what_it_accepted(
    start_gateway: StartGateway,
) -> None:
    gateway = start_gateway()
    codes: Counter[Any] = Counter()
    load = asyncio.create_task(ask_until(gateway.url, asyncio.Event(), codes, "slow:0.05"))
    await asyncio.sleep(0.7)
    status = await asyncio.to_thread(gateway.stop)
    await asyncio.wait_for(load, 20)
    assert status == 0
    assert codes[200] > CONNECTIONS
    assert codes.keys() <= {200, "refused", "broken"}
    # A keep-alive connection may close just as its caller writes; no accepted request is lost.
    assert codes["broken"] <= CONNECTIONS


async def test_readiness_goes_before_the_ports_close(start_gateway: StartGateway) -> None:
    gateway = start_gateway(drain_delay=1.5)
    gateway.send(signal.SIGTERM)
    await asyncio.sleep(0.3)
    assert get(f"{gateway.url}/health")[0] == 503
    assert get(f"{gateway.url}/v2/health/ready")[0] == 503
    assert post_json(f"{gateway.url}/v2/models/squares/x", {})[0] == 200
    assert gateway.child is not None
    assert gateway.child.wait(15) == 0


@pytest.fixture
def lonely_gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway whose routing table is nowhere."""
    gateway = Gateway(tmp_path)
    gateway.start()
    yield gateway
    gateway.stop()


def test_without_a_table_nothing_is_ready_and_everything_says_so(lonely_gateway: Gateway) -> None:
    url = lonely_gateway.url
    until = time.monotonic() + 30
    status = 0
    while status == 0 and time.monotonic() < until:
        try:
            status, headers, body = post_json(f"{url}/v2/models/squares/infer", {})
        except OSError:
            time.sleep(0.05)
    assert status == 503
    assert headers["retry-after"] == "1"
    assert "no routing table yet" in json.loads(body)["error"]
    assert get(f"{url}/health")[0] == 503
    assert get(f"{url}/")[0] == 503


def test_more_requests_than_the_limit_are_answered_503_at_once(start_gateway: StartGateway) -> None:
    gateway = start_gateway(max_inflight_requests=2)

    async def together() -> list[int]:
        calls = [
            asyncio.to_thread(
                post_json, f"{gateway.url}/v2/models/squares/x", {}, {"x-do": "slow:0.5"}
            )
            for _ in range(4)
        ]
        return sorted(answer[0] for answer in await asyncio.gather(*calls))

    assert asyncio.run(together()) == [200, 200, 503, 503]


def test_a_new_table_is_taken_under_way_and_a_broken_one_is_not(
    upstream: FakeUpstream, start_gateway: StartGateway
) -> None:
    gateway = start_gateway()
    arm = upstream.arm(intervals=[[0, 1]])
    gateway.write_table(table_of({"squares": [arm], "more": [arm]}, version=2))
    until = time.monotonic() + 10
    while get(f"{gateway.url}/v2/models/more/x")[0] != 200:
        assert time.monotonic() < until
        time.sleep(0.05)
    gateway.write_table({"version": 3, "models": {"squares": {"salt": "", "arms": []}}})
    while gateway.metric("trellis_routing_table_refused_total") == 0:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert get(f"{gateway.url}/v2/models/more/x")[0] == 200
    assert gateway.metric("trellis_routing_table_version") == 2
    gateway.stop()
    assert "routing table refused" in gateway.log.read_text()

"""An arm that is down, broken or hung, in real processes: who answers its units, and until when."""

import asyncio
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from tests.integration.gateway.processes import (
    Answer,
    FakeUpstream,
    Gateway,
    ask,
    post_json,
    table_of,
)

INFER = "/v2/models/squares/infer"
#: With the salt of these tests and half of the line each.
ON_CANARY = {"x-unit-id": "user 3"}
ON_STABLE = {"x-unit-id": "user 1"}
WITHIN_SECONDS = 30.0


class Arms:
    """A stable and a canary process, and a gateway before both."""

    def __init__(self, folder: Path, roles: tuple[str, str], **settings: Any) -> None:
        self.stable, self.canary = FakeUpstream("v1", folder), FakeUpstream("v2", folder)
        arms = [
            self.stable.arm(intervals=[[0, 0.5]], role=roles[0]),
            self.canary.arm(intervals=[[0.5, 1]], role=roles[1]),
        ]
        flags = {"connect_wait": 1, "request_timeout": 3, "eject_seconds": 0.2, **settings}
        self.gateway = Gateway(folder, table_of({"squares": arms}), **flags)

    def up(self) -> None:
        for process in (self.stable, self.canary, self.gateway):
            process.up()

    def ask(self, headers: dict[str, str], path: str = INFER) -> Answer:
        return post_json(self.gateway.url + path, {}, headers)

    def who(self, headers: dict[str, str]) -> str:
        status, _, body = self.ask(headers)
        assert status == 200, body
        name: str = json.loads(body)["name"]
        return name

    def state(self, metric: str, version: str = "v2") -> float:
        return self.gateway.metric(metric, model="squares", version=version)

    def until(self, what: Callable[[], bool]) -> None:
        end = time.monotonic() + WITHIN_SECONDS
        while not what():
            assert time.monotonic() < end, self.gateway.log.read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        for process in (self.gateway, self.stable, self.canary):
            if process.child is not None and process.child.poll() is None:
                process.send(signal.SIGCONT)
                process.stop(signal.SIGKILL)


StartArms = Callable[..., Arms]


@pytest.fixture
def start_arms(tmp_path: Path) -> Iterator[StartArms]:
    started: list[Arms] = []

    def start(roles: tuple[str, str] = ("stable", "canary"), **settings: Any) -> Arms:
        started.append(Arms(tmp_path, roles, **settings))
        started[-1].up()
        return started[-1]

    yield start
    for arms in started:
        arms.stop()


def test_the_units_of_a_dead_canary_are_answered_by_stable_until_it_is_back(
    start_arms: StartArms,
) -> None:
    arms = start_arms()
    assert (arms.who(ON_CANARY), arms.who(ON_STABLE)) == ("v2", "v1")
    arms.canary.stop(signal.SIGKILL)
    # Nothing was sent, so the same request is answered by the other: nobody sees an error.
    assert [arms.who(ON_CANARY) for _ in range(6)] == ["v1"] * 6
    assert arms.state("trellis_ejected_arms") == 1
    assert arms.state("trellis_ejections_total") >= 1
    assert arms.state("trellis_fallbacks_total") == 6
    started = time.monotonic()
    assert arms.who(ON_CANARY) == "v1"
    assert time.monotonic() - started < 1, "an arm that is left alone is not waited for"
    arms.canary.up()
    arms.until(lambda: arms.who(ON_CANARY) == "v2")
    assert arms.state("trellis_ejected_arms") == 0
    assert arms.who(ON_STABLE) == "v1"
    log = arms.gateway.log.read_text()
    assert "arm ejected" in log
    assert "arm is back" in log


def test_an_arm_that_breaks_off_is_left_alone_after_so_many_in_a_row(
    start_arms: StartArms,
) -> None:
    arms = start_arms(eject_after=3, eject_seconds=60)
    broken = {**ON_CANARY, "x-do": "break"}
    for do in ("break", "status:503", "status:504"):
        status, _, _ = arms.ask({**ON_CANARY, "x-do": do})
        assert status in {502, 503, 504}, "what may have been computed is never sent again"
    assert arms.state("trellis_ejected_arms") == 1
    assert arms.who(ON_CANARY) == "v1"
    assert arms.state("trellis_requests_total", "v1") >= 1
    # Its own units broke nothing of stable's.
    assert arms.ask(broken)[0] == 502
    assert arms.state("trellis_ejected_arms", "v1") == 0


def test_a_canary_that_accepts_and_closes_is_left_alone_after_so_many_in_a_row(
    start_arms: StartArms,
) -> None:
    arms = start_arms(eject_after=3, eject_seconds=60)
    arms.canary.stop(signal.SIGKILL)

    def accept_and_close(listening: socket.socket) -> None:
        while True:
            try:
                listening.accept()[0].close()
            except OSError:
                return

    with socket.create_server(("127.0.0.1", arms.canary.http_port)) as listening:
        closing = threading.Thread(target=accept_and_close, args=(listening,), daemon=True)
        closing.start()
        assert [arms.ask(ON_CANARY)[0] for _ in range(3)] == [502] * 3
        assert arms.state("trellis_ejected_arms") == 1
        assert arms.who(ON_CANARY) == "v1"
        listening.shutdown(socket.SHUT_RDWR)
    closing.join(5)


def test_an_answer_in_between_and_an_overload_are_no_failures_in_a_row(
    start_arms: StartArms,
) -> None:
    arms = start_arms(eject_after=3)
    for do in ("break", "break", "", "break", "break", "status:429", "status:500", "status:400"):
        arms.ask({**ON_CANARY, "x-do": do})
    assert arms.state("trellis_ejections_total") == 0
    assert arms.who(ON_CANARY) == "v2"


def test_a_hung_canary_is_found_out_by_probes_and_not_by_callers(start_arms: StartArms) -> None:
    arms = start_arms(eject_after=1, request_timeout=1)
    arms.canary.send(signal.SIGSTOP)
    assert arms.ask(ON_CANARY)[0] == 504
    # Over many times the first time out: a caller that met the hung one would get 504.
    end = time.monotonic() + 2
    while time.monotonic() < end:
        assert arms.who(ON_CANARY) == "v1"
        time.sleep(0.05)
    arms.canary.send(signal.SIGCONT)
    arms.until(lambda: arms.who(ON_CANARY) == "v2")


def test_one_that_is_ready_and_fails_again_goes_again(start_arms: StartArms) -> None:
    arms = start_arms(eject_after=2, eject_seconds=0.1)
    for _ in range(2):
        assert arms.ask({**ON_CANARY, "x-do": "break"})[0] == 502
    assert arms.state("trellis_ejections_total") == 1

    def broke_again() -> bool:
        arms.ask({**ON_CANARY, "x-do": "break"})
        return arms.state("trellis_ejections_total") == 2

    # The probe finds it ready; one request of the trial that breaks sends it out again.
    arms.until(broke_again)
    arms.until(lambda: arms.who(ON_CANARY) == "v2")


def test_stable_is_never_replaced_by_a_canary(start_arms: StartArms) -> None:
    arms = start_arms(eject_after=1, connect_wait=0.2)
    arms.stable.stop(signal.SIGKILL)
    for _ in range(3):
        assert arms.ask(ON_STABLE)[0] == 503
    assert arms.who(ON_CANARY) == "v2"
    arms.stable.up()
    arms.until(lambda: arms.ask(ON_STABLE)[0] == 200)
    assert arms.who(ON_STABLE) == "v1"


@pytest.mark.parametrize("down", ["v1", "v2"])
def test_of_two_arms_of_an_experiment_either_answers_for_the_other(
    start_arms: StartArms, down: str
) -> None:
    arms = start_arms(("arm", "arm"))
    (arms.stable if down == "v1" else arms.canary).stop(signal.SIGKILL)
    other = "v2" if down == "v1" else "v1"
    for unit in (ON_STABLE, ON_CANARY):
        assert [arms.who(unit) for _ in range(6)] == [other] * 6


def test_with_every_arm_down_each_is_still_tried(start_arms: StartArms) -> None:
    arms = start_arms(("arm", "arm"), eject_after=1, connect_wait=0.2)
    for upstream in (arms.stable, arms.canary):
        upstream.stop(signal.SIGKILL)
    for _ in range(3):
        assert arms.ask(ON_STABLE)[0] == 503
        assert arms.ask(ON_CANARY)[0] == 503
    arms.canary.up()
    arms.until(lambda: arms.ask(ON_CANARY)[0] == 200)


def test_who_wants_one_version_and_no_other_gets_no_other(start_arms: StartArms) -> None:
    arms = start_arms(connect_wait=0.2)
    arms.canary.stop(signal.SIGKILL)
    asked = f"{INFER}?model_version=v2"
    status, headers, body = arms.ask(ON_STABLE, asked)
    assert (status, headers["retry-after"]) == (503, "1")
    assert "nothing was sent" in json.loads(body)["error"]
    status, headers, _ = arms.ask(ON_STABLE, f"{asked}&fallback=true")
    assert (status, headers["x-model-version"]) == (200, "v1")


def test_people_are_answered_by_stable_too(start_arms: StartArms) -> None:
    arms = start_arms()
    arms.canary.stop(signal.SIGKILL)
    body = json.dumps({"numbers": [2, 3]}).encode()
    head = {"content-type": "application/json", **ON_CANARY}
    for _ in range(3):
        status, _, answer = ask("POST", f"{arms.gateway.url}/predict/squares", body, head)
        assert (status, json.loads(answer)["outputs"]) == (200, {"squares": [4.0, 9.0]})


def test_a_body_larger_than_one_piece_is_whole_at_the_other_arm(start_arms: StartArms) -> None:
    arms = start_arms()
    arms.canary.stop(signal.SIGKILL)
    body = bytes(range(256)) * 4000
    head = {"content-type": "application/octet-stream", "x-do": "echo", **ON_CANARY}
    status, _, echoed = ask("POST", arms.gateway.url + INFER, body, head)
    assert status == 200
    assert echoed == body


async def test_grpc_goes_to_stable_and_comes_back(start_arms: StartArms) -> None:
    arms = await asyncio.to_thread(start_arms)
    message = pb.ModelInferRequest(model_name="squares").SerializeToString()
    address = f"127.0.0.1:{arms.gateway.grpc_port}"
    async with grpc.aio.insecure_channel(address) as channel:
        infer: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer"
        )

        async def who() -> str:
            call = infer(message, metadata=tuple(ON_CANARY.items()), timeout=20)
            metadata = dict(await call.initial_metadata())
            await call
            name: str = json.loads(metadata["seen"])["served-by"]
            return name

        assert await who() == "v2"
        await asyncio.to_thread(arms.canary.stop, signal.SIGKILL)
        assert [await who() for _ in range(6)] == ["v1"] * 6
        assert await asyncio.to_thread(arms.state, "trellis_ejected_arms") == 1
        await asyncio.to_thread(arms.canary.up)
        async with asyncio.timeout(WITHIN_SECONDS):
            while await who() != "v2":  # noqa: ASYNC110 - the gateway has no event for a test
                await asyncio.sleep(0.05)


def test_a_caller_that_takes_the_time_for_itself_ejects_nobody(start_arms: StartArms) -> None:
    arms = start_arms(eject_after=1, request_timeout=2)
    unit = f"x-unit-id: {ON_CANARY['x-unit-id']}"

    def timed_out() -> float:
        return arms.gateway.metric("trellis_requests_total", version="v2", code="504")

    address = ("127.0.0.1", arms.gateway.http_port)
    with socket.create_connection(address, timeout=20) as sends_late:
        head = f"POST {INFER} HTTP/1.1\r\nhost: localhost\r\n{unit}\r\nx-do: slow:1\r\n"
        sends_late.sendall(f"{head}content-length: 2\r\n\r\n".encode())
        time.sleep(1.5)
        sends_late.sendall(b"{}")
        assert sends_late.recv(65_536).startswith(b"HTTP/1.1 504 ")
    with socket.create_connection(address, timeout=20) as reads_nothing:
        head = f"POST {INFER} HTTP/1.1\r\nhost: localhost\r\n{unit}\r\nx-do: stream:2000\r\n"
        reads_nothing.sendall(f"{head}content-length: 0\r\n\r\n".encode())
        arms.until(lambda: timed_out() == 2)
    assert arms.state("trellis_ejections_total") == 0
    assert arms.who(ON_CANARY) == "v2"


def test_a_callers_own_short_deadline_ejects_nobody(start_arms: StartArms) -> None:
    arms = start_arms(eject_after=1)
    message = pb.ModelInferRequest(model_name="squares").SerializeToString()
    with grpc.insecure_channel(f"127.0.0.1:{arms.gateway.grpc_port}") as channel:
        infer: Any = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        slow = (*ON_CANARY.items(), ("x-do", "think:2"))
        for _ in range(2):
            with pytest.raises(grpc.RpcError) as late:
                infer(message, metadata=slow, timeout=0.3)
            assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    arms.until(lambda: arms.gateway.metric("trellis_inflight_requests", model="squares") == 0)
    assert arms.state("trellis_ejections_total") == 0

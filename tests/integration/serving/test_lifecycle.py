"""A process from its start to its end: not ready, ready, draining, gone."""

import http.client
import re
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.integration.serving import calls, lab
from tests.integration.serving.lab import tensor
from tests.integration.serving.process import HOST, Answer, PredictorProcess

SLEEP = "/v2/models/sleeper/infer"


def sleep(process: PredictorProcess, seconds: float) -> Answer:
    with process.caller() as caller:
        return caller.post(SLEEP, {"inputs": [tensor("seconds", "FP32", [seconds])]})


def until_taken(process: PredictorProcess, count: int) -> None:
    """Wait until that many requests have been accepted, answered or not."""
    pattern = re.compile(
        r"^trellis_(?:inflight_requests|requests_total){[^}]*} (\S+)$", re.MULTILINE
    )
    until = time.monotonic() + 30
    with process.caller() as caller:
        while sum(map(float, pattern.findall(caller.get("/metrics").body.decode()))) < count:
            assert time.monotonic() < until
            time.sleep(0.01)


def listens(process: PredictorProcess) -> bool:
    try:
        socket.create_connection((HOST, process.http_port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_health_is_503_until_the_versions_are_loaded(tmp_path: Path) -> None:
    folder = lab.write_slow_to_load(tmp_path / "slow" / "v1")
    process = PredictorProcess(folder, log=tmp_path / "log", environment=lab.ENVIRONMENT)
    process.launch()
    try:
        process.until_answers("/health", 503)
        with process.caller() as caller:
            answer = caller.get("/health")
            if answer.status == 503:  # else it has just become ready
                assert answer.error == "the server is not ready"
                assert answer.headers["retry-after"] == "1"
            assert caller.get("/v2/health/live").status == 200
        with calls.channel(process.grpc_address) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            checked = health.Check(health_pb2.HealthCheckRequest(), timeout=10, wait_for_ready=True)
            if '"ready"' not in process.log:
                assert checked.status == health_pb2.HealthCheckResponse.NOT_SERVING
        process.until_answers()
        with process.caller() as caller:
            answer = caller.post("/v1/models/slow:predict", {"instances": [1.0]})
            assert answer.status == 200
    finally:
        process.terminate()
        assert process.wait() == 0


def test_sigterm_while_loading_does_not_wait_for_the_load(tmp_path: Path) -> None:
    folder = lab.write_endless(tmp_path / "endless" / "v1")
    process = PredictorProcess(folder, log=tmp_path / "log", environment=lab.ENVIRONMENT).launch()
    process.until_answers("/health", 503)
    process.terminate()
    assert process.wait() == 0  # the load would take longer than the process is waited for
    assert "Traceback" not in process.log


def test_a_computation_that_does_not_end_is_left_behind(tmp_path: Path) -> None:
    folder = lab.write_sleeper(tmp_path / "sleeper" / "v1")
    process = PredictorProcess(
        folder,
        "--request_timeout",
        0.5,
        "--grace_period",
        1,
        log=tmp_path / "log",
        environment=lab.ENVIRONMENT,
    ).launch()
    process.until_answers()
    with process.caller() as caller:
        body = {"inputs": [lab.tensor("seconds", "FP32", [300.0])]}
        assert caller.post("/v2/models/sleeper/infer", body).status == 504
    process.terminate()
    assert process.wait() == 0


def test_a_listener_that_cannot_start_ends_the_process_in_words(tmp_path: Path) -> None:
    folder = lab.write_squares(tmp_path / "squares" / "v1")
    empty = tmp_path / "empty.pem"
    empty.touch()
    flags = ["--enable_grpc", "false", "--ssl_certfile", empty, "--ssl_keyfile", empty]
    process = PredictorProcess(folder, *flags, log=tmp_path / "log").launch()
    assert process.wait() == 1
    assert "is not served" in process.log
    assert "Traceback" not in process.log


def test_what_was_accepted_is_answered_after_sigterm(tmp_path: Path) -> None:
    """REST and gRPC requests are inside when the signal comes; new ones are turned away."""
    folder = lab.write_sleeper(tmp_path / "sleeper" / "v1")
    process = PredictorProcess(
        folder, "--drain_delay", 0.3, log=tmp_path / "log", environment=lab.ENVIRONMENT
    )
    with process, ThreadPoolExecutor(24) as pool, calls.channel(process.grpc_address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        slow = calls.request("sleeper", calls.tensor("seconds", "FP32", (1,), fp32_contents=[0.1]))
        rest = [pool.submit(sleep, process, 0.1) for _ in range(10)]
        over_grpc = [pool.submit(calls.infer, channel, slow) for _ in range(10)]
        until_taken(process, 20)
        process.terminate()
        process.until_log('"draining"')
        with process.caller() as caller:  # in the delay: still served, no longer ready
            assert caller.get("/health").status == 503
            assert caller.get("/v2/health/ready").status == 503
        checked = health.Check(health_pb2.HealthCheckRequest(), timeout=10)
        assert checked.status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert [future.result().status for future in rest] == [200] * 10
        assert all(future.result().outputs for future in over_grpc)
        assert process.wait() == 0
        assert not listens(process)
    assert '"level":"error"' not in process.log


def test_a_stream_of_requests_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """Keep-alive connections that never pause: each answer sent is whole, and the end comes."""
    folder = lab.write_sleeper(tmp_path / "sleeper" / "v1")
    process = PredictorProcess(
        folder, "--grace_period", 20, log=tmp_path / "log", environment=lab.ENVIRONMENT
    )
    broken: list[BaseException] = []
    answered = []

    def stream() -> None:
        with process.caller() as caller:
            while True:
                try:
                    answer = caller.post(SLEEP, {"inputs": [tensor("seconds", "FP32", [0.01])]})
                except ConnectionRefusedError:
                    return  # the listener is gone: nothing was accepted
                except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                    return  # an idle connection was closed as the request set out: not accepted
                except (http.client.HTTPException, OSError) as error:
                    broken.append(error)
                    return
                if answer.status != 200:
                    broken.append(AssertionError(answer.body))
                    return
                answered.append(answer.json["outputs"][0]["shape"])

    with process:
        threads = [threading.Thread(target=stream) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        process.terminate()
        assert process.wait(10) == 0
        for thread in threads:
            thread.join(10)
    assert not broken
    assert len(answered) > 20
    assert '"level":"error"' not in process.log


def test_a_computation_that_never_ends_is_cut_off_after_the_grace_period(tmp_path: Path) -> None:
    folder = lab.write_sleeper(tmp_path / "sleeper" / "v1")
    process = PredictorProcess(
        folder, "--grace_period", 1, log=tmp_path / "log", environment=lab.ENVIRONMENT
    )
    process.launch()
    process.until_answers()
    with ThreadPoolExecutor(1) as pool:
        hung = pool.submit(sleep, process, 60)
        until_taken(process, 1)
        process.terminate()
        assert process.wait(10) == 0
        answer = hung.result()
        assert (answer.status, answer.error) == (503, "the server is shutting down")
    assert "requests cut off" in process.log


def test_health_answers_while_a_batch_computes(tmp_path: Path) -> None:
    """KServe runs a synchronous predict on the event loop, where nothing else then moves."""
    folder = lab.write_sleeper(tmp_path / "sleeper" / "v1")
    with (
        PredictorProcess(folder, log=tmp_path / "log", environment=lab.ENVIRONMENT) as process,
        ThreadPoolExecutor(1) as pool,
    ):
        slow = pool.submit(sleep, process, 2)
        until_taken(process, 1)
        with process.caller() as caller:
            assert caller.get("/health").status == 200
        assert not slow.done(), "health had to wait for the computation"
        assert slow.result().status == 200


def test_a_client_that_goes_away_in_mid_body_harms_nobody(laboratory: PredictorProcess) -> None:
    head = (
        f"POST /v2/models/table/infer HTTP/1.1\r\nhost: {HOST}\r\n"
        "content-type: application/json\r\ncontent-length: 5000\r\n\r\n"
    )
    for ending in (b"", b'{"inputs": ['):
        with socket.create_connection((HOST, laboratory.http_port)) as connection:
            connection.sendall(head.encode() + ending)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    with laboratory.caller() as caller:
        assert caller.post("/v1/models/table:predict", {"instances": [[1, 2, 3]]}).status == 200


def test_a_changed_artefact_refuses_to_load_and_the_process_says_so(tmp_path: Path) -> None:
    folder = lab.write_squares(tmp_path / "squares" / "v1", files={"weights.bin": b"as published"})
    (folder / "weights.bin").write_bytes(b"changed since")
    process = PredictorProcess(folder, log=tmp_path / "log").launch()
    assert process.wait() == 1
    assert "squares/v1: file 'weights.bin' has sha256" in process.log
    assert "Traceback" not in process.log


def test_a_folder_that_cannot_be_served_ends_the_process_in_words(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.yaml").write_text("a: [", encoding="utf-8")
    process = PredictorProcess(folder, log=tmp_path / "log").launch()
    assert process.wait() == 1
    assert "trellis serve: model/model.yaml cannot be read" in process.log
    assert "Traceback" not in process.log


def test_a_taken_port_ends_the_process_in_words(tmp_path: Path) -> None:
    folder = lab.write_squares(tmp_path / "squares" / "v1")
    process = PredictorProcess(folder, log=tmp_path / "log")
    with socket.create_server((HOST, process.http_port)):
        process.launch()
        assert process.wait() == 1
    assert f"http_port {process.http_port} cannot be listened on" in process.log
    assert "Traceback" not in process.log


def test_an_interrupt_ends_a_process_as_sigterm_does(tmp_path: Path) -> None:
    folder = lab.write_squares(tmp_path / "squares" / "v1")
    with PredictorProcess(folder, log=tmp_path / "log") as process:
        process.child.send_signal(signal.SIGINT)
        assert process.wait() == 0

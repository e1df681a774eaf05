"""What is refused, and with which words, when too much comes or takes too long."""

import http.client
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from tests.integration.serving import calls, lab
from tests.integration.serving.lab import tensor
from tests.integration.serving.process import HOST, Answer, PredictorProcess

INFLIGHT = 4


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PredictorProcess]:
    """Four requests at once, eight rows in the queue, a deadline of one and a half seconds."""
    folder = tmp_path_factory.mktemp("tight")
    lab.write_sleeper(folder / "sleeper" / "v1")
    settings = {
        "--max_inflight_requests": INFLIGHT,
        "--max_queue_rows": 8,
        "--request_timeout": 1.5,
        "--max_body_bytes": 100_000,
    }
    flags = [part for pair in settings.items() for part in pair]
    with PredictorProcess(
        folder / "sleeper", *flags, log=folder / "log", environment=lab.ENVIRONMENT
    ) as process:
        yield process


def sleep(process: PredictorProcess, *seconds: float) -> Answer:
    with process.caller() as caller:
        return caller.post(
            "/v2/models/sleeper/infer", {"inputs": [tensor("seconds", "FP32", list(seconds))]}
        )


def until_closed(connection: socket.socket) -> bytes:
    """All that comes until the other side ends the connection."""
    received = b""
    while part := connection.recv(4096):
        received += part
    return received


def until_idle(process: PredictorProcess) -> None:
    """Wait until no computation is left of the test before."""
    until = time.monotonic() + 20
    while sleep(process, 0.0).status != 200:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_one_more_than_may_be_inside_gets_429(tight: PredictorProcess) -> None:
    until_idle(tight)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: sleep(tight, 0.1), range(16)))
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert {answer.status for answer in answers} <= {200, 429, 504}
    for answer in refused:
        assert answer.error == "4 requests are in flight, at most 4 may be; try again"
        assert answer.headers["retry-after"] == "1"
    assert sum(answer.status == 200 for answer in answers) >= 1


def test_over_grpc_it_is_resource_exhausted(tight: PredictorProcess) -> None:
    until_idle(tight)
    message = calls.request("sleeper", calls.tensor("seconds", "FP32", (1,), fp32_contents=[0.1]))

    def code(_: int) -> grpc.StatusCode:
        try:
            calls.infer(channel, message)
        except grpc.RpcError as error:
            found: grpc.StatusCode = error.code()
            return found
        return grpc.StatusCode.OK

    with calls.channel(tight.grpc_address) as channel, ThreadPoolExecutor(16) as pool:
        codes = set(pool.map(code, range(16)))
    assert grpc.StatusCode.RESOURCE_EXHAUSTED in codes
    assert grpc.StatusCode.OK in codes


def test_a_full_queue_gets_429(tight: PredictorProcess) -> None:
    until_idle(tight)
    with ThreadPoolExecutor(3) as pool:
        running = pool.submit(sleep, tight, 0.7)
        time.sleep(0.1)
        waiting = pool.submit(sleep, tight, *[0.0] * 8)
        time.sleep(0.1)
        refused = sleep(tight, 0.0)
        assert (refused.status, refused.error) == (
            429,
            "8 rows are waiting, at most 8 may; try again",
        )
        assert running.result().status == 200
        assert waiting.result().status == 200


def test_past_the_deadline_it_is_504_and_the_next_request_is_answered(
    tight: PredictorProcess,
) -> None:
    until_idle(tight)
    with tight.caller() as caller:
        slow = {"inputs": [tensor("seconds", "FP32", [1.9])]}
        late = caller.post("/v2/models/sleeper/infer", slow)
        assert (late.status, late.error) == (504, "no answer within the deadline of 1.5 s")
        until_idle(tight)
        assert caller.get("/health").status == 200
        assert caller.connections == 1


def test_a_deadline_that_is_set_over_grpc_is_told_so(tight: PredictorProcess) -> None:
    until_idle(tight)
    slow = calls.request("sleeper", calls.tensor("seconds", "FP32", (1,), fp32_contents=[1.9]))
    with calls.channel(tight.grpc_address) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            calls.infer(channel, slow, timeout=10)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert caught.value.details() == "no answer within the deadline of 1.5 s"


def test_a_body_over_the_limit_is_told_while_it_is_still_being_sent(
    tight: PredictorProcess,
) -> None:
    with tight.caller() as caller:
        answer = caller.ask("POST", "/v2/models/sleeper/infer", b" " * 10_000_000)
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert answer.error == "the body has 10000000 bytes, at most 100000 are taken"


def test_a_chunked_body_over_the_limit_is_413(tight: PredictorProcess) -> None:
    connection = http.client.HTTPConnection(HOST, tight.http_port, timeout=20)
    try:
        chunks = (b" " * 50_000 for _ in range(20))
        connection.request("POST", "/v2/models/sleeper/infer", chunks, encode_chunked=True)
        response = connection.getresponse()
        assert response.status == 413
        assert b"more than the 100000 bytes" in response.read()
    finally:
        connection.close()


def test_a_caller_that_asks_first_is_refused_before_it_sends(tight: PredictorProcess) -> None:
    head = (
        f"POST /v2/models/sleeper/infer HTTP/1.1\r\nhost: {HOST}\r\n"
        "content-length: 10000000\r\nexpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection((HOST, tight.http_port), timeout=20) as connection:
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")


def test_a_body_that_never_comes_whole_gives_its_place_back_at_the_deadline(
    tight: PredictorProcess,
) -> None:
    until_idle(tight)
    head = (
        f"POST /v2/models/sleeper/infer HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 1000\r\n\r\n{{"
    )
    senders = [socket.create_connection((HOST, tight.http_port), timeout=20) for _ in range(4)]
    try:
        for sender in senders:
            sender.sendall(head.encode())
        answers = [until_closed(sender) for sender in senders]
        assert sleep(tight, 0.0).status == 200
    finally:
        for sender in senders:
            sender.close()
    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 504")
        assert b"the body was not whole within the deadline of 1.5 s" in answer
        assert b"connection: close" in answer


def test_bodies_that_do_not_come_shut_nobody_out(tight: PredictorProcess) -> None:
    until_idle(tight)
    head = b"POST /v1/models/sleeper:predict HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n"
    waiting = []
    try:
        for _ in range(3 * INFLIGHT):
            connection = socket.create_connection((HOST, tight.http_port))
            connection.sendall(head)
            waiting.append(connection)
        # Whole at once: a body that comes after its head would be one more that is waited for.
        body = b'{"inputs":[{"name":"seconds","datatype":"FP32","shape":[1],"data":[0]}]}'
        head = b"POST /v2/models/sleeper/infer HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
        with socket.create_connection((HOST, tight.http_port)) as whole:
            whole.sendall(head + b"content-length: %d\r\n\r\n%b" % (len(body), body))
            assert until_closed(whole).startswith(b"HTTP/1.1 200")
    finally:
        for connection in waiting:
            connection.close()

"""Callers that are slow, long-winded or speak nonsense, over raw sockets."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.gateway.processes import FakeUpstream, Gateway, get, post_json, table_of

HEADER_SECONDS = 1.0
INFER = "/v2/models/squares/infer"


@pytest.fixture(scope="module")
def impatient(folder: Path, upstreams: tuple[FakeUpstream, FakeUpstream]) -> Iterator[Gateway]:
    """A gateway that gives a request's head a second."""
    place = folder / "impatient"
    place.mkdir()
    running = Gateway(
        place,
        table_of({"squares": [upstreams[0].arm(intervals=[[0, 1]])]}),
        header_timeout=HEADER_SECONDS,
        request_timeout=10,
    )
    running.up()
    yield running
    assert running.stop() == 0


@contextmanager
def connection(gateway: Gateway) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as raw:
        yield raw


def until_closed(raw: socket.socket) -> bytes:
    received = b""
    try:
        while piece := raw.recv(65_536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def one_answer(raw: socket.socket) -> tuple[int, bytes]:
    """Status and body of the next answer."""
    response = http.client.HTTPResponse(raw)
    response.begin()
    return response.status, response.read()


def sentence(answer: bytes) -> str:
    error: str = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    return error


def test_a_head_that_comes_byte_by_byte_is_refused_in_time(impatient: Gateway) -> None:
    with connection(impatient) as raw:
        raw.sendall(f"POST {INFER} HTTP/1.1\r\nhost: localhost\r\n".encode())
        received = b""
        raw.settimeout(0.2)
        for number in range(100):
            try:
                raw.sendall(b"x-%d: 1\r\n" % number)
                received += raw.recv(65_536)
            except TimeoutError:
                continue
            except OSError:
                break
            if received:
                break
    assert received.startswith(b"HTTP/1.1 408 ")
    assert sentence(received) == "the request's line and headers did not arrive in time"


@pytest.mark.parametrize("sent", [b"", b"\r\n\r\n"], ids=["nothing", "empty-lines"])
def test_a_connection_that_asks_nothing_is_closed_without_a_word(
    impatient: Gateway, sent: bytes
) -> None:
    with connection(impatient) as raw:
        raw.sendall(sent)
        assert until_closed(raw) == b""


def test_a_second_head_on_a_connection_is_timed_as_the_first(impatient: Gateway) -> None:
    with connection(impatient) as raw:
        raw.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert one_answer(raw) == (200, b'{"status":"ok"}')
        raw.sendall(b"GET /health HTT")
        assert until_closed(raw).startswith(b"HTTP/1.1 408 ")


def test_the_head_of_a_next_request_cuts_no_answer_that_is_owed(impatient: Gateway) -> None:
    slow = f"GET {INFER} HTTP/1.1\r\nhost: localhost\r\nx-do: slow:{2 * HEADER_SECONDS}\r\n\r\n"
    with connection(impatient) as raw:
        raw.sendall(slow.encode() + b"GET /health HTT")
        status, body = one_answer(raw)
        assert (status, json.loads(body)["name"]) == (200, "v1")
        assert until_closed(raw).startswith(b"HTTP/1.1 408 ")


def test_many_slow_heads_hold_up_nobody(impatient: Gateway) -> None:
    held = [
        socket.create_connection(("127.0.0.1", impatient.http_port), timeout=20) for _ in range(200)
    ]
    try:
        for raw in held:
            raw.sendall(b"POST /v2/models/squares/infer HTTP/1.1\r\nhost: localhost\r\n")
        assert post_json(impatient.url + INFER, {})[0] == 200
        assert all(until_closed(raw).startswith(b"HTTP/1.1 408 ") for raw in held)
    finally:
        for raw in held:
            raw.close()


def test_a_slow_body_is_not_a_slow_head(impatient: Gateway) -> None:
    head = f"POST {INFER} HTTP/1.1\r\nhost: localhost\r\nx-do: echo\r\ncontent-length: 4\r\n\r\n"
    with connection(impatient) as raw:
        raw.sendall(head.encode())
        for piece in (b"a", b"b", b"c", b"d"):
            time.sleep(HEADER_SECONDS / 2)
            raw.sendall(piece)
        assert one_answer(raw) == (200, b"abcd")


@pytest.mark.parametrize(
    "head",
    [
        f"GET {INFER} HTTP/1.1\r\nhost: localhost\r\nx-long: {'a' * 70_000}\r\n\r\n",
        f"GET {INFER}?{'a' * 70_000} HTTP/1.1\r\nhost: localhost\r\n\r\n",
        f"GET {INFER} HTTP/1.1\r\nhost: localhost\r\n" + "x-many: 1\r\n" * 8000 + "\r\n",
    ],
    ids=["value", "line", "many"],
)
def test_a_head_that_is_too_long_is_431(impatient: Gateway, head: str) -> None:
    with connection(impatient) as raw:
        raw.sendall(head.encode())
        received = until_closed(raw)
    assert received.startswith(b"HTTP/1.1 431 ")
    assert "over the limit of 65536 bytes" in sentence(received)


def test_a_long_line_in_two_pieces_is_431_too(impatient: Gateway) -> None:
    with connection(impatient) as raw:
        raw.sendall(f"GET {INFER}?{'a' * 65_000}".encode())
        time.sleep(0.2)  # so that it is read by itself
        raw.sendall(b"a" * 5_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n")
        received = until_closed(raw)
    assert received.startswith(b"HTTP/1.1 431 ")


def test_a_head_without_end_is_431_and_not_kept(impatient: Gateway) -> None:
    with connection(impatient) as raw:
        raw.sendall(f"GET {INFER} HTTP/1.1\r\nhost: localhost\r\nx-long: ".encode())
        received = b""
        try:
            for _ in range(64):
                raw.sendall(b"a" * 65_536)
        except OSError:
            pass
        received = until_closed(raw)
    # Whoever goes on sending may have the answer cut off by the reset that its bytes cause.
    assert received == b"" or received.startswith(b"HTTP/1.1 431 ")
    assert get(f"{impatient.url}/health")[0] == 200


def test_a_long_head_within_the_limit_and_a_long_body_behind_it_pass(impatient: Gateway) -> None:
    body = b"b" * 500_000
    head = (
        f"POST {INFER} HTTP/1.1\r\nhost: localhost\r\nx-long: {'a' * 60_000}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    with connection(impatient) as raw:
        raw.sendall(head.encode() + body)
        status, answer = one_answer(raw)
    assert status == 200
    assert json.loads(answer)["size"] == len(body)


@pytest.mark.parametrize(
    "line",
    [
        b"BREW /health HTTP/1.1",
        b"get /health HTTP/1.1",
        b"GET /health HTTP/9.9",
        b"GET /hea\xfflth HTTP/1.1",
        b"CONNECT example.org:443 HTTP/1.1",
    ],
    ids=["unknown", "lower-case", "version", "bytes", "connect"],
)
def test_a_request_line_that_is_none_is_400(impatient: Gateway, line: bytes) -> None:
    with connection(impatient) as raw:
        raw.sendall(line + b"\r\nhost: localhost\r\n\r\n")
        received = until_closed(raw)
    assert received.startswith(b"HTTP/1.1 400 ")
    assert "no valid HTTP/1.1" in sentence(received)


@pytest.mark.parametrize("path", ["/v2/models/%ff%fe/infer", "/predict/%ff", "/%ff"])
def test_a_path_that_is_no_utf_8_is_404(impatient: Gateway, path: str) -> None:
    status, _, body = post_json(impatient.url + path, {})
    assert status == 404
    assert json.loads(body)["error"]


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "9" * 30])
def test_a_content_length_that_is_none_is_refused(impatient: Gateway, length: str) -> None:
    with connection(impatient) as raw:
        raw.sendall(
            f"POST {INFER} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n".encode()
        )
        received = raw.recv(65_536)
    assert received.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 "))
    assert b"Traceback" not in received


def test_a_request_smuggled_behind_two_lengths_is_refused(impatient: Gateway) -> None:
    with connection(impatient) as raw:
        raw.sendall(
            f"POST {INFER} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n"
            "transfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n".encode()
        )
        received = until_closed(raw)
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1") == 2  # the answer's own line, and its sentence


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param(
            "POST /feedback HTTP/1.1\r\ncontent-type: application/json", 413, id="feedback"
        ),
        pytest.param(
            "PUT /experiments/e HTTP/1.1\r\ncontent-type: application/json", 413, id="put"
        ),
        pytest.param("POST /dashboard/sign-in HTTP/1.1", 413, id="form"),
        pytest.param("POST /feedback HTTP/1.1\r\ncontent-type: text/plain", 415, id="media type"),
        pytest.param("POST /nowhere HTTP/1.1", 404, id="no such route"),
        pytest.param("POST /health HTTP/1.1", 405, id="method"),
        pytest.param("POST /feedback HTTP/1.1\r\nsec-fetch-site: cross-site", 403, id="other site"),
    ],
)
def test_a_caller_that_sends_all_before_it_reads_hears_why(
    impatient: Gateway, head: str, status: int
) -> None:
    # More than the buffers of both sides hold, so that some of it is unread when the answer comes.
    body = b" " * 12_000_000
    with connection(impatient) as raw:
        # One request on its connection: the server closes it behind its answer.
        lines = [
            head,
            "host: localhost",
            "connection: close",
            f"content-length: {len(body)}",
            "",
            "",
        ]
        raw.sendall("\r\n".join(lines).encode())
        raw.sendall(body)
        assert one_answer(raw)[0] == status

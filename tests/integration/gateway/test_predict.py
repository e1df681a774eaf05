"""``/predict`` for people, through a real gateway and a small real upstream."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.gateway.processes import (
    Answer,
    FakeUpstream,
    Gateway,
    ask,
    get,
    post_json,
    table_of,
)


def document(answer: Answer) -> Any:
    assert answer[0] == 200, answer
    return json.loads(answer[2])


def test_a_classifiers_answer_has_the_contracts_fields(gateway: Gateway) -> None:
    answer = post_json(f"{gateway.url}/predict/sentiment", {"text": "hi"}, {"x-request-id": "r-1"})
    told = document(answer)
    assert told.pop("latency_ms") > 0
    assert told == {
        "label": "positive",
        "confidence": 0.75,
        "probabilities": {"negative": 0.25, "positive": 0.75},
        "request_id": "r-1",
        "cache": "bypass",
    }
    assert answer[1]["x-cache"] == "bypass"
    assert answer[1]["x-request-id"] == "r-1"


def test_without_a_model_the_default_one_answers(gateway: Gateway) -> None:
    assert document(post_json(f"{gateway.url}/predict", {"text": "hi"}))["label"] == "positive"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("image/jpeg", b"\xff\xd8"),
        ("application/json", b'{"image": "/9g="}'),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nx\r\n--b--\r\n',
        ),
    ],
    ids=["raw", "base64", "multipart"],
)
def test_an_image_is_taken_in_every_form(gateway: Gateway, content_type: str, body: bytes) -> None:
    answer = ask("POST", f"{gateway.url}/predict/leaf", body, {"content-type": content_type})
    assert document(answer)["label"] == "brown"


def test_numbers_of_a_row_and_of_no_classifier(gateway: Gateway) -> None:
    rows = document(post_json(f"{gateway.url}/predict/rows", {"features": [1, 2, 3]}))
    assert rows["label"] == "high"
    squares = document(post_json(f"{gateway.url}/predict/squares", {"numbers": [2, 3]}))
    assert squares["outputs"] == {"squares": [4.0, 9.0]}


def test_a_visitor_gets_a_cookie_once_and_keeps_the_version(gateway: Gateway) -> None:
    status, headers, _ = post_json(f"{gateway.url}/predict/split", {"text": "hi"})
    assert status == 200
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    mine = {"cookie": cookie.partition(";")[0]}
    again = post_json(f"{gateway.url}/predict/split", {"text": "hi"}, mine)
    assert "set-cookie" not in again[1]
    # The same cookie assigns the protocols' routes too; the upstream tells who answered there.
    who = {json.loads(get(f"{gateway.url}/v2/models/split/x", mine)[2])["name"] for _ in range(10)}
    assert len(who) == 1


def test_a_forged_cookie_is_replaced(gateway: Gateway) -> None:
    forged = {"cookie": f"trellis_unit={'x' * 22}.{'A' * 43}"}
    assert "set-cookie" in post_json(f"{gateway.url}/predict/split", {"text": "hi"}, forged)[1]


@pytest.mark.parametrize("asked", [{}, {"x-model-version": "v2"}])
def test_no_answer_tells_the_version(gateway: Gateway, asked: dict[str, str]) -> None:
    status, headers, body = post_json(f"{gateway.url}/predict/split", {"text": "hi"}, asked)
    assert status == 200
    assert not any(name.startswith("x-model-") for name in headers)
    assert b"v2" not in body
    assert b"version" not in body


@pytest.mark.parametrize(
    ("path", "content_type", "body", "status", "sentence"),
    [
        ("sentiment", "application/json", b"{", 400, "the body is no JSON"),
        ("sentiment", "application/json", b'{"text": 5}', 422, "'text' is a number"),
        (
            "sentiment",
            "application/json",
            b'{"features": [1]}',
            422,
            "takes a text in field 'text'",
        ),
        (
            "sentiment",
            "application/json",
            b'{"text": "x", "fallback": []}',
            422,
            "'fallback' is a list, expected true or false",
        ),
        (
            "split?fallback=perhaps",
            "application/json",
            b'{"text": "x"}',
            400,
            "'fallback' is 'perhaps', expected true or false",
        ),
        ("sentiment", "image/png", b"\x89PNG", 415, "takes a text, not an image"),
        ("sentiment", "text/csv", b"a,b", 415, "'text/csv' is not taken here"),
        ("nope", "application/json", b'{"text": "a"}', 404, "unknown model 'nope'"),
        (
            "split?model_version=v9",
            "application/json",
            b'{"text": "a"}',
            404,
            "has no version 'v9'; known are: v1, v2",
        ),
        ("sentiment", "application/json", b"x" * 1_000_001, 413, "over the limit"),
    ],
)
def test_bad_input_is_refused_in_words(
    gateway: Gateway, path: str, content_type: str, body: bytes, status: int, sentence: str
) -> None:
    url = f"{gateway.url}/predict/{path}"
    answer = ask("POST", url, body, {"content-type": content_type, "x-request-id": "bad-1"})
    assert answer[0] == status
    assert sentence in json.loads(answer[2])["error"]
    assert answer[1]["x-request-id"] == "bad-1"


def test_curls_own_content_type_is_taken_as_json(gateway: Gateway) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = ask("POST", f"{gateway.url}/predict/sentiment", b'{"text": "hi"}', headers)
    assert document(answer)["label"] == "positive"


@pytest.mark.parametrize("how", ["json", "form"])
def test_a_version_in_the_body_chooses_the_arm(gateway: Gateway, how: str) -> None:
    def count() -> float:
        return gateway.metric("trellis_requests_total", model="split", version="v2", code="200")

    before = count()
    for _ in range(5):
        url = f"{gateway.url}/predict/split"
        if how == "json":
            answer = post_json(url, {"text": "hi", "model_version": "v2"})
        else:
            fields = {"text": "hi", "model_version": "v2"}
            parts = "".join(
                f'--b\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                for name, value in fields.items()
            )
            form = {"content-type": "multipart/form-data; boundary=b"}
            answer = ask("POST", url, (parts + "--b--\r\n").encode(), form)
        assert answer[0] == 200, answer
    assert count() == before + 5


@pytest.mark.parametrize("word", ["1", "true", "Yes", ""])
def test_every_word_that_lets_another_version_answer(gateway: Gateway, word: str) -> None:
    for route in ("predict/split?", "v2/models/split/infer?"):
        url = f"{gateway.url}/{route}model_version=v9&fallback={word}"
        assert post_json(url, {"text": "hi"})[0] == 200
    body = {"text": "hi", "model_version": "v9", "fallback": word}
    assert post_json(f"{gateway.url}/predict/split", body)[0] == 200


def test_body_and_model_share_one_deadline(gateway: Gateway) -> None:
    body = b'{"text": "hi"}'
    head = (
        f"POST /predict/asleep HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as slow:
        slow.sendall(head.encode() + body[:5])
        time.sleep(1.5)
        slow.sendall(body[5:])
        assert slow.recv(65_536).startswith(b"HTTP/1.1 504 ")
    # The gateway's deadline is 3 s, of which the body took half.
    assert time.monotonic() - started < 4


def test_a_caller_that_leaves_is_counted_as_gone(gateway: Gateway) -> None:
    def count() -> float:
        return gateway.metric("trellis_requests_total", model="asleep", code="499")

    before = count()
    body = b'{"text": "hi"}'
    head = (
        f"POST /predict/asleep HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as leaving:
        leaving.sendall(head.encode() + body)
        time.sleep(0.3)
    until = time.monotonic() + 2
    while count() == before and time.monotonic() < until:
        time.sleep(0.02)
    assert count() == before + 1
    assert gateway.metric("trellis_inflight_requests", model="asleep") == 0


def test_pages_and_answers_carry_security_headers(gateway: Gateway) -> None:
    for path in ("/", "/predict/sentiment", "/nowhere", "/static/upload.js"):
        _, headers, _ = get(gateway.url + path)
        policy = headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "unsafe-inline" not in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_what_a_predictor_tells_is_escaped_on_the_page(gateway: Gateway) -> None:
    page = get(f"{gateway.url}/?model=sentiment")[2].decode()
    assert "knows &lt;b&gt;little&lt;/b&gt;" in page
    assert "<b>little" not in page


def test_the_page_of_an_unknown_model_says_so(gateway: Gateway) -> None:
    status, _, page = get(f"{gateway.url}/?model=%3Cscript%3E")
    assert status == 404
    assert b"Unknown model" in page
    assert b"<script>" not in page


@pytest.fixture
def own_gateway(tmp_path: Path, upstreams: tuple[FakeUpstream, FakeUpstream]) -> Iterator[Gateway]:
    """One that holds 100,000 bytes of bodies; the model ``endless`` never stops answering."""
    everybody = [[0, 1]]
    models = {
        name: [upstreams[0].arm(model=name, intervals=everybody)]
        for name in ("sentiment", "endless")
    }
    running = Gateway(tmp_path, table_of(models), max_inflight_bytes=100_000)
    running.up()
    yield running
    assert running.stop() == 0


@pytest.fixture
def unhurried_gateway(
    tmp_path: Path, upstreams: tuple[FakeUpstream, FakeUpstream]
) -> Iterator[Gateway]:
    """One with room for the largest answer."""
    folder = tmp_path / "unhurried"
    folder.mkdir()
    arms = [upstreams[0].arm(model="endless", intervals=[[0, 1]])]
    running = Gateway(folder, table_of({"endless": arms}))
    running.up()
    yield running
    assert running.stop() == 0


def test_an_answer_without_end_is_a_broken_one(unhurried_gateway: Gateway) -> None:
    status, _, body = post_json(f"{unhurried_gateway.url}/predict/endless", {"text": "hi"})
    assert status == 502
    assert json.loads(body)["error"]
    memory = psutil.Process(unhurried_gateway.pid).memory_info().rss
    assert memory < 400 * 2**20


def test_answers_count_at_the_budget_too_and_no_longer_once_they_ended(
    own_gateway: Gateway,
) -> None:
    for _ in range(3):
        status, headers, body = post_json(f"{own_gateway.url}/predict/endless", {"text": "hi"})
        assert (status, headers["retry-after"]) == (503, "1")
        assert "limit of 100000 bytes" in json.loads(body)["error"]
    assert own_gateway.metric("trellis_ejected_arms") == 0
    fits = {"text": "a" * 60_000}
    assert post_json(f"{own_gateway.url}/predict/sentiment", fits)[0] == 200


def test_bodies_beyond_the_budget_are_refused_and_those_that_ended_count_no_more(
    own_gateway: Gateway,
) -> None:
    url = f"{own_gateway.url}/predict/sentiment"
    held = 60_000
    head = (
        f"POST /predict/sentiment HTTP/1.1\r\nhost: localhost\r\ncontent-length: {held + 1}\r\n\r\n"
    )
    fits = {"text": "a" * held}
    for _ in range(3):
        assert post_json(url, fits)[0] == 200
    with socket.create_connection(("127.0.0.1", own_gateway.http_port), timeout=20) as slow:
        slow.sendall(head.encode() + b" " * held)
        until = time.monotonic() + 20
        while (answer := post_json(url, fits))[0] == 200:
            assert time.monotonic() < until
        assert (answer[0], answer[1]["retry-after"]) == (503, "1")
        assert "limit of 100000 bytes" in json.loads(answer[2])["error"]
        # What is streamed is not held.
        streamed = f"{own_gateway.url}/v2/models/sentiment/infer"
        assert ask("POST", streamed, b"b" * held, {"x-do": "echo"})[0] == 200
    until = time.monotonic() + 20
    while post_json(url, fits)[0] != 200:
        assert time.monotonic() < until


def test_a_table_that_changes_while_a_body_comes_chooses_the_arm(
    own_gateway: Gateway, upstreams: tuple[FakeUpstream, FakeUpstream]
) -> None:
    body = b'{"text": "hi"}'
    head = f"POST /predict/sentiment HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
    arms = [upstreams[1].arm(model="sentiment", intervals=[[0, 1]])]
    with socket.create_connection(("127.0.0.1", own_gateway.http_port), timeout=20) as slow:
        slow.sendall(head.encode() + body[:5])
        time.sleep(0.5)  # the request is inside; nothing tells a test so
        own_gateway.write_table(table_of({"sentiment": arms}, version=2))
        until = time.monotonic() + 20
        while own_gateway.metric("trellis_routing_table_version") != 2:
            assert time.monotonic() < until
            time.sleep(0.02)
        slow.sendall(body[5:])
        assert slow.recv(65_536).startswith(b"HTTP/1.1 200 ")
    assert own_gateway.metric("trellis_requests_total", version="v1") == 0
    assert own_gateway.metric("trellis_requests_total", version="v2", code="200") == 1

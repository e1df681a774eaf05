"""The gateway between real sockets: what passes, what is rewritten, who answers."""

import http.client
import json
import math
import socket
import time
from typing import Any

import pytest

from tests.integration.gateway.processes import FakeUpstream, Gateway, ask, get, post_json

INFER = "/v2/models/split/infer"


def seen(answer: tuple[int, dict[str, str], bytes]) -> Any:
    """What the upstream saw of a request."""
    assert answer[0] == 200, answer
    return json.loads(answer[2])


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/split/infer",
        "/v2/models/split/ready",
        "/v1/models/split:predict",
        "/v1/models/split:explain",
        "/v1/models/split",
        "/v2/models/split/anything/else%20encoded?a=%2Fb",
    ],
)
def test_any_path_below_a_model_reaches_it_with_its_name_there(gateway: Gateway, path: str) -> None:
    document = seen(post_json(gateway.url + path, {}))
    came = document["path"] + ("?" + document["query"] if document["query"] else "")
    assert came == path.replace("split", "sentiment")


def test_the_method_passes(gateway: Gateway) -> None:
    assert seen(ask("DELETE", f"{gateway.url}/v2/models/split/x"))["method"] == "DELETE"


def test_the_hosts_header_is_the_arms(gateway: Gateway, upstreams: Any) -> None:
    one: FakeUpstream = upstreams[0]
    tagged = seen(post_json(f"{gateway.url}/v2/models/renamed/x", {}))
    assert tagged["headers"]["host"] == "prev-tagged.example:80"
    plain = seen(post_json(f"{gateway.url}/v2/models/squares/x", {}))
    assert plain["headers"]["host"] == f"127.0.0.1:{one.http_port}"


def test_knative_is_told_of_a_tag_by_the_gateway_alone(gateway: Gateway) -> None:
    """A caller's word would hide a request from whoever counts those that nobody assigned."""
    own = {"Knative-Serving-Tag": "latest"}
    tagged = seen(post_json(f"{gateway.url}/v2/models/renamed/x", {}, own))
    assert tagged["headers"]["knative-serving-tag"] == "prev"
    plain = seen(post_json(f"{gateway.url}/v2/models/squares/x", {}, own))
    assert "knative-serving-tag" not in plain["headers"]


def test_identity_is_passed_on_and_told(gateway: Gateway) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"x-request-id": "mine-1", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    status, answered, body = post_json(gateway.url + INFER, {}, headers)
    assert (status, answered["x-request-id"]) == (200, "mine-1")
    passed = json.loads(body)["headers"]
    assert passed["x-request-id"] == "mine-1"
    assert passed["traceparent"].startswith(f"00-{trace}-")


def test_a_unit_stays_and_units_are_shared_by_weight(gateway: Gateway) -> None:
    names = {}
    for number in range(600):
        unit = {"x-unit-id": f"user {number}"}
        names[number] = seen(get(f"{gateway.url}/v2/models/split/x", unit))["name"]
    for number in range(0, 600, 40):
        unit = {"x-unit-id": f"user {number}"}
        assert seen(get(f"{gateway.url}/v2/models/split/x", unit))["name"] == names[number]
    share = sum(name == "v2" for name in names.values()) / len(names)
    # Five standard errors; the units are fixed, so it passes always or never.
    assert abs(share - 0.2) < 5 * math.sqrt(0.2 * 0.8 / 600)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v2/models/split/versions/{}/infer", {}),
        ("/v1/models/split/versions/{}:predict", {}),
        ("/v2/models/split/infer?model_version={}", {}),
        ("/v2/models/split/infer", {"x-model-version": "{}"}),
    ],
    ids=["v2-path", "v1-path", "query", "header"],
)
def test_a_version_is_chosen_and_then_told(
    gateway: Gateway, path: str, headers: dict[str, str]
) -> None:
    for version in ("v1", "v2"):
        filled = {name: value.format(version) for name, value in headers.items()}
        answer = post_json(gateway.url + path.format(version), {}, filled)
        assert seen(answer)["name"] == version
        assert answer[1]["x-model-version"] == version
        assert answer[1]["x-model-revision"] == f"{version}-1"
        assert answer[1]["x-model-fingerprint"] == f"sha256:{version}"
    filled = {name: value.format("v9") for name, value in headers.items()}
    status, _, body = post_json(gateway.url + path.format("v9"), {}, filled)
    assert status == 404
    assert json.loads(body)["error"] == "model 'split' has no version 'v9'; known are: v1, v2"


def test_an_unknown_version_falls_back_where_the_caller_lets_it(gateway: Gateway) -> None:
    answer = post_json(f"{gateway.url}/v2/models/split/versions/v9/infer?fallback=true", {})
    assert seen(answer)["name"] in {"v1", "v2"}
    assert answer[1]["x-model-version"] == seen(answer)["name"]


def test_who_did_not_ask_is_not_told_the_version(gateway: Gateway) -> None:
    status, headers, _ = post_json(gateway.url + INFER, {})
    assert status == 200
    assert "server-timing" in headers
    assert not any(name.startswith("x-model-") for name in headers)


@pytest.mark.parametrize("size", [0, 1, 65_536, 999_000])
def test_bodies_pass_unparsed_both_ways(gateway: Gateway, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    headers = {"content-type": "application/octet-stream", "x-do": "echo"}
    status, answered, echoed = ask("POST", gateway.url + INFER, body, headers)
    assert (status, answered["content-type"]) == (200, "application/octet-stream")
    assert echoed == body


def test_a_chunked_body_passes(gateway: Gateway) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.http_port, timeout=20)
    pieces = [b"a" * 70_000, b"b" * 70_000, b"c"]
    connection.request("POST", INFER, iter(pieces), {"x-do": "echo"}, encode_chunked=True)
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"".join(pieces))
    connection.close()


def test_a_long_answer_is_streamed_whole(gateway: Gateway) -> None:
    status, _, body = post_json(gateway.url + INFER, {}, {"x-do": "stream:200"})
    assert (status, len(body)) == (200, 200 * 65_536)


def test_a_body_over_the_limit_is_413_stated_or_not(gateway: Gateway) -> None:
    status, _, body = ask("POST", gateway.url + INFER, b"x" * 1_000_001)
    assert status == 413
    assert "over the limit of 1000000 bytes" in json.loads(body)["error"]
    connection = http.client.HTTPConnection("127.0.0.1", gateway.http_port, timeout=20)
    connection.request("POST", INFER, iter([b"x" * 300_000] * 4), encode_chunked=True)
    response = connection.getresponse()
    assert response.status == 413
    connection.close()


@pytest.mark.parametrize(
    ("do", "status", "sentence"),
    [
        ("status:422", 422, "upstream says 422"),
        ("status:404", 404, "upstream says 404"),
        ("status:500", 500, "upstream says 500"),
        ("status:429", 503, "upstream says 429"),
        ("slow:5", 504, "the model gave no whole answer within 3 s"),
        ("break", 502, "closed the connection before its answer was whole"),
    ],
)
def test_failures_upstream_are_told_apart(
    gateway: Gateway, do: str, status: int, sentence: str
) -> None:
    answered, headers, body = post_json(gateway.url + INFER, {}, {"x-do": do})
    assert answered == status
    assert sentence in json.loads(body)["error"]
    assert headers["x-request-id"]


def test_an_answer_that_breaks_midway_is_cut_so_that_the_caller_sees_it(gateway: Gateway) -> None:
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        post_json(gateway.url + INFER, {}, {"x-do": "break-mid"})
    assert post_json(gateway.url + INFER, {})[0] == 200


def test_a_body_that_does_not_arrive_is_the_callers_fault(gateway: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as slow:
        slow.sendall(
            f"POST {INFER} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nabc".encode()
        )
        answer = slow.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_caller_that_leaves_midway_leaves_the_gateway_well(gateway: Gateway) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as leaving:
            head = f"POST {INFER} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 999\r\n\r\nabc"
            leaving.sendall(head.encode())
    assert post_json(gateway.url + INFER, {})[0] == 200
    assert gateway.metric("trellis_inflight_requests", model="split") == 0


def test_a_caller_that_leaves_before_the_answer_is_noticed_and_counted(gateway: Gateway) -> None:
    def count() -> float:
        return gateway.metric("trellis_requests_total", model="asleep", code="499")

    before = count()
    pieces = b"2\r\n{}\r\n", b"0\r\n\r\n"
    for length, body in (("content-length: 2", (b"{}",)), ("transfer-encoding: chunked", pieces)):
        with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as leaving:
            head = f"POST /v2/models/asleep/infer HTTP/1.1\r\nhost: localhost\r\n{length}\r\n\r\n"
            leaving.sendall(head.encode())
            for piece in body:
                time.sleep(0.1)
                leaving.sendall(piece)
            time.sleep(0.2)
    until = time.monotonic() + 2
    while count() < before + 2 and time.monotonic() < until:
        time.sleep(0.02)
    assert count() == before + 2
    assert gateway.metric("trellis_inflight_requests", model="asleep") == 0


def test_a_place_that_no_number_holds_is_no_example(gateway: Gateway) -> None:
    for place in ("7", "9" * 5000, "-1", "x"):
        assert get(f"{gateway.url}/models/leaf/examples/{place}")[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("POST", "/v2/models/nope/infer", 404, "unknown model 'nope'; known are: asleep, leaf"),
        ("POST", "/v2/models/split/../../metrics", 404, "no such route"),
        ("GET", "/nowhere", 404, "no such route: /nowhere"),
        ("GET", "/predict", 405, "method GET is not taken here"),
        ("DELETE", "/models", 405, "method DELETE is not taken here"),
        ("POST", "/v2/repository/models/split/unload", 404, "no such route"),
    ],
)
def test_what_is_not_there_is_told_in_words(
    gateway: Gateway, method: str, path: str, status: int, sentence: str
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.http_port, timeout=20)
    connection.request(method, path)
    response = connection.getresponse()
    assert response.status == status
    assert sentence in json.loads(response.read())["error"]
    assert response.headers["x-request-id"]
    connection.close()


def test_a_large_body_for_an_unknown_model_is_refused_in_words_not_reset(gateway: Gateway) -> None:
    status, _, body = ask("POST", f"{gateway.url}/v2/models/nope/infer", b"x" * 900_000)
    assert status == 404
    assert "unknown model" in json.loads(body)["error"]


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad\x7fname: 1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n",
    ],
    ids=["no-http", "bad-header", "tls"],
)
def test_bytes_that_are_no_http_are_refused_in_words(gateway: Gateway, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as raw:
        raw.sendall(sent)
        answer = b""
        while piece := raw.recv(65_536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert "no valid HTTP/1.1" in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


UPGRADES = {
    "h2c": "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQ",
    "websocket": "connection: upgrade\r\nupgrade: websocket",
}


@pytest.mark.parametrize("asked", UPGRADES)
@pytest.mark.parametrize("path", [INFER, "/predict/sentiment"])
def test_a_request_that_asks_for_an_upgrade_is_answered_without(
    gateway: Gateway, asked: str, path: str
) -> None:
    body = b'{"text": "hi"}'
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\n{UPGRADES[asked]}\r\n"
        f"content-type: application/json\r\nx-do: echo\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode()
    expected = body if path == INFER else b'"label":"positive"'
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=2) as raw:
        # Two at once, then one whose body comes in pieces: the connection stays good.
        raw.sendall(head + body + head + body)
        answers = _until(raw, expected, 2)
        for piece in (head, body[:3], body[3:]):
            raw.sendall(piece)
            time.sleep(0.05)
        answers += _until(raw, expected, 1)
    assert answers.count(b"HTTP/1.1 200 OK") == 3


def _until(connection: socket.socket, expected: bytes, times: int) -> bytes:
    received = b""
    while received.count(expected) < times:
        piece = connection.recv(65_536)
        assert piece, received
        received += piece
    return received


def test_the_connection_survives_every_refusal(gateway: Gateway) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.http_port, timeout=20)
    for path in ("/v2/models/nope/infer", "/v2/models/split/versions/v9/infer", "/nowhere", INFER):
        connection.request("POST", path, b"{}", {"content-type": "application/json"})
        assert connection.getresponse().read()
    connection.close()


def test_errors_are_counted_by_arm(gateway: Gateway) -> None:
    def count(**labels: str) -> float:
        return gateway.metric("trellis_requests_total", **labels)

    def before_after(do: str, **labels: str) -> float:
        before = count(**labels)
        post_json(f"{gateway.url}/v2/models/split/versions/v2/infer", {}, {"x-do": do})
        return count(**labels) - before

    arm = {"model": "split", "version": "v2", "revision": "v2-1", "protocol": "rest"}
    assert before_after("", code="200", **arm) == 1
    assert before_after("break", code="502", **arm) == 1
    assert before_after("status:429", code="503", **arm) == 1
    refused = count(code="404", model="")
    get(f"{gateway.url}/v2/models/nope")
    assert count(code="404", model="") == refused + 1


def test_the_quiet_routes(gateway: Gateway) -> None:
    def document(path: str) -> Any:
        status, _, body = get(gateway.url + path)
        assert status == 200
        return json.loads(body)

    assert document("/health") == {"status": "ok"}
    assert document("/v2/health/live") == {"live": True}
    assert document("/v2/health/ready") == {"ready": True}
    assert document("/v2")["name"] == "trellis-gateway"
    names = ["asleep", "leaf", "renamed", "rows", "sentiment", "split", "squares"]
    assert document("/v1/models") == document("/v2/models") == {"models": names}
    models = {
        model["name"]: (model["input"], model["default"]) for model in document("/models")["models"]
    }
    assert models["leaf"] == ("image", False)
    assert models["sentiment"] == ("text", True)
    assert models["rows"] == ("features", False)

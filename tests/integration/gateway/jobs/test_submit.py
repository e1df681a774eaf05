import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.integration.gateway.jobs.beside_gateway import WorkerBeside
from tests.integration.gateway.jobs.sink import SECRET
from tests.integration.gateway.processes import Answer, FakeUpstream, Gateway, ask, get, table_of
from tests.integration.redis_server import RedisServer
from trellis.gateway.jobs.keys import JobKeys

ASYNC = {"prefer": "respond-async"}
INFER = json.dumps({"inputs": [{"name": "text", "datatype": "BYTES", "data": ["a"]}]}).encode()
V2 = "/v2/models/sentiment/infer"
PATHS = [
    (V2, INFER),
    ("/v2/models/sentiment/versions/v1/infer", INFER),
    ("/v1/models/sentiment:predict", b'{"instances": ["a"]}'),
    ("/predict/sentiment", b'{"text": "a"}'),
    ("/predict", b'{"text": "a"}'),
]


@pytest.fixture(scope="module")
def gateway(
    folder: Path, upstreams: tuple[FakeUpstream, FakeUpstream], redis_server: RedisServer
) -> Iterator[Gateway]:
    """With a worker beside it; only the address 127.0.0.1 may be called back."""
    one, two = upstreams
    models = {
        "sentiment": [one.arm(model="sentiment", intervals=[[0, 1]])],
        "split": [
            one.arm(model="sentiment", intervals=[[0, 0.5]]),
            two.arm(model="sentiment", intervals=[[0.5, 1]]),
        ],
    }
    running = Gateway(
        folder,
        table_of(models),
        redis_url=redis_server.url,
        redis_prefix="submit",
        default_model="sentiment",
        job_max_body_bytes=100_000,
        callback_secret=SECRET,
    )
    running.up()
    worker = WorkerBeside(folder, running)
    worker.up()
    yield running
    assert worker.stop() == 0
    assert running.stop() == 0


def submit(gateway: Gateway, path: str = V2, body: bytes = INFER, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    head = {"content-type": "application/json", **ASYNC, **named}
    return ask("POST", gateway.url + path, body, head)


def final(gateway: Gateway, job: str) -> dict[str, Any]:
    status, _, body = get(f"{gateway.url}/jobs/{job}", {"prefer": "wait=30"})
    assert status == 200
    document: dict[str, Any] = json.loads(body)
    return document


@pytest.mark.parametrize(
    ("path", "body", "headers", "version"),
    [
        (V2, INFER, {}, None),
        (V2, INFER, {"x_model_version": "v1"}, "v1"),
        (f"{V2}?model_version=v1", INFER, {}, "v1"),
        (f"{V2}?model_version=v9&fallback=true", INFER, {}, None),
        ("/v2/models/sentiment/versions/v1/infer", INFER, {}, "v1"),
        ("/predict/sentiment", b'{"text": "a", "model_version": "v1"}', {}, "v1"),
        ("/predict/sentiment", b'{"text": "a", "model_version": "v9", "fallback": true}', {}, None),
    ],
    ids=["none", "header", "query", "query, fallback", "path", "people", "people, fallback"],
)
def test_a_job_keeps_the_version_that_alone_may_answer(
    gateway: Gateway,
    redis_server: RedisServer,
    path: str,
    body: bytes,
    headers: dict[str, str],
    version: str | None,
) -> None:
    status, _, accepted = submit(gateway, path, body, **headers)
    assert status == 202, accepted
    job = json.loads(accepted)["id"]
    with Redis.from_url(redis_server.url) as redis:
        kept = redis.hget(JobKeys("submit").job(job.partition("-")[2]), "version")
    assert kept == (version or "").encode()
    assert final(gateway, job)["state"] == "succeeded"


@pytest.mark.parametrize(("path", "body"), PATHS, ids=[path for path, _ in PATHS])
def test_the_answer_comes_later_and_is_the_one_of_now(
    gateway: Gateway, path: str, body: bytes
) -> None:
    status, headers, accepted = submit(gateway, path, body, x_request_id="asked-1")
    document = json.loads(accepted)
    assert status == 202
    assert headers["location"] == document["location"] == f"/jobs/{document['id']}"
    assert headers["preference-applied"] == "respond-async"
    assert headers["retry-after"] == "1"
    assert headers["x-request-id"] == "asked-1"
    assert document["state"] == "queued"
    told = final(gateway, document["id"])
    assert (told["state"], told["status"], told["request_id"]) == ("succeeded", 200, "asked-1")
    later = get(gateway.url + told["result_location"])
    now = ask("POST", gateway.url + path, body, {"content-type": "application/json"})
    assert later[0] == now[0] == 200
    assert _lasting(later[2]) == _lasting(now[2]) == _lasting(json.dumps(told["result"]).encode())
    assert later[1]["content-type"] == now[1]["content-type"]
    assert later[1]["x-request-id"] == "asked-1"


def test_what_a_browser_could_show_is_kept_to_its_own_site(gateway: Gateway) -> None:
    for headers in ({}, {"idempotency_key": "a b"}):
        status, told, _ = submit(gateway, "/predict", b'{"text": "a"}', **headers)
        assert status == (400 if headers else 202)
        assert told["content-security-policy"].startswith("default-src 'none'")
        assert told["x-content-type-options"] == "nosniff"


def _lasting(body: bytes) -> dict[str, Any]:
    """An answer without what each one has of its own."""
    own = {"request_id", "latency_ms", "cache", "headers"}
    document: dict[str, Any] = json.loads(body)
    return {name: value for name, value in document.items() if name not in own}


def test_what_the_answer_depends_on_reaches_the_model_and_what_is_the_gateways_does_not(
    gateway: Gateway,
) -> None:
    _, _, accepted = submit(
        gateway,
        f"{V2}?trace=%2F1&x=%C3%A4",
        b"{}",
        x_unit_id="somebody",
        x_request_id="asked-2",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        authorization="Bearer tk_secret",
        x_api_key="tk_secret",
        cookie="session=secret",
        idempotency_key="headers",
        x_custom="kept",
    )
    seen = final(gateway, json.loads(accepted)["id"])["result"]
    assert seen["query"] == "trace=%2F1&x=%C3%A4"
    kept = seen["headers"]
    assert kept["x-unit-id"] == "somebody"
    assert kept["x-custom"] == "kept"
    assert kept["x-request-id"] == "asked-2"
    assert kept["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert kept["content-type"] == "application/json"
    gone = {"authorization", "x-api-key", "cookie", "prefer", "idempotency-key", "accept-encoding"}
    assert gone.isdisjoint(kept)
    assert "secret" not in json.dumps(seen)


def test_a_job_meets_the_arm_that_its_unit_has(gateway: Gateway) -> None:
    path, answered = "/v2/models/split/infer", {}
    head = {"content-type": "application/json"}
    cookie = ask("POST", f"{gateway.url}/predict/split", b'{"text": "a"}', head)[1]["set-cookie"]
    units = [{"x-unit-id": f"unit-{number}"} for number in range(20)]
    units.append({"cookie": f"other=1; {cookie.partition(';')[0]}"})
    for unit in units:
        now = json.loads(ask("POST", gateway.url + path, b"{}", {**head, **unit})[2])["name"]
        _, _, accepted = ask("POST", gateway.url + path, b"{}", {**head, **ASYNC, **unit})
        answered[str(unit)] = now, final(gateway, json.loads(accepted)["id"])["result"]["name"]
    assert all(now == later for now, later in answered.values()), answered
    assert {now for now, _ in answered.values()} == {"v1", "v2"}


def test_a_binary_request_and_answer_pass_byte_by_byte(gateway: Gateway) -> None:
    body = bytes(range(256)) * 300
    head = {"content-type": "application/octet-stream", "x-do": "echo"}
    status, _, accepted = ask("POST", gateway.url + V2, body, {**head, **ASYNC})
    assert status == 202
    told = final(gateway, json.loads(accepted)["id"])
    assert told["result"] is None
    status, headers, answer = get(gateway.url + told["result_location"])
    assert (status, headers["content-type"], answer) == (200, "application/octet-stream", body)


def test_what_the_model_refuses_is_the_jobs_answer(gateway: Gateway) -> None:
    _, _, accepted = submit(gateway, body=b"{}", x_do="status:422")
    told = final(gateway, json.loads(accepted)["id"])
    assert (told["state"], told["status"]) == ("failed", 422)
    assert told["result"] == {"error": "upstream says 422"}
    assert get(gateway.url + told["result_location"])[0] == 422


REFUSED = [
    ("unknown model", "/v2/models/nope/infer", INFER, {}, 404, "unknown model 'nope'"),
    ("unknown for people", "/predict/nope", b'{"text":"a"}', {}, 404, "unknown model 'nope'"),
    ("unknown version", "/v2/models/sentiment/versions/v9/infer", INFER, {}, 404, "version 'v9'"),
    ("version by header", V2, INFER, {"x-model-version": "v9"}, 404, "version 'v9'"),
    ("version in a form", "/predict", b'{"text":"a","model_version":"v9"}', {}, 404, "'v9'"),
    ("no flag", V2 + "?fallback=maybe", INFER, {}, 400, "fallback"),
    ("media type", V2, INFER, {"content-type": "text/html"}, 415, "text/html"),
    ("people's media type", "/predict", b"a", {"content-type": "text/csv"}, 415, "text/csv"),
    ("empty", V2, b"", {}, 400, "the body is empty"),
    ("people's JSON", "/predict", b"{", {}, 400, "no JSON"),
    ("too large", V2, b"a" * 100_001, {}, 413, "100000 bytes"),
    ("long key", V2, INFER, {"idempotency-key": "k" * 256}, 400, "idempotency-key has 256"),
    ("key in words", V2, INFER, {"idempotency-key": "two words"}, 400, "idempotency-key"),
    ("empty key", V2, INFER, {"idempotency-key": ""}, 400, "idempotency-key has 0"),
    ("callback inside", V2, INFER, {"x-callback-url": "http://127.0.0.1/"}, 422, "no public"),
    ("metadata", V2, INFER, {"x-callback-url": "http://169.254.169.254/"}, 422, "no public"),
    ("by name", V2, INFER, {"x-callback-url": "https://localhost/"}, 422, "no public address"),
    ("by number", V2, INFER, {"x-callback-url": "http://2130706433/"}, 422, "no public address"),
    ("its port", V2, INFER, {"x-callback-url": "https://example.com:22/"}, 422, "port is 22"),
    ("its scheme", V2, INFER, {"x-callback-url": "gopher://example.com/"}, 422, "x-callback-url"),
    ("empty callback", V2, INFER, {"x-callback-url": ""}, 422, "x-callback-url"),
]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "words"),
    [case[1:] for case in REFUSED],
    ids=[case[0] for case in REFUSED],
)
def test_what_cannot_be_a_job_is_refused_at_once_in_words(
    gateway: Gateway, path: str, body: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    before = gateway.metric("trellis_jobs_total", state="accepted")
    head = {"content-type": "application/json", **ASYNC, **headers}
    refused, _, answer = ask("POST", gateway.url + path, body, head)
    assert refused == status
    document = json.loads(answer)
    assert list(document) == ["error"]
    assert words in document["error"]
    assert gateway.metric("trellis_jobs_total", state="accepted") == before


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v2/models/sentiment"), ("GET", "/health"), ("GET", "/models")]
)
def test_what_is_no_inference_is_answered_as_ever(gateway: Gateway, method: str, path: str) -> None:
    assert ask(method, gateway.url + path, None, ASYNC)[0] == 200


def test_a_repeated_idempotency_key_is_the_same_job_and_runs_once(gateway: Gateway) -> None:
    first = submit(gateway, idempotency_key="order-7", x_request_id="one")
    again = submit(gateway, idempotency_key="order-7", x_request_id="two")
    assert (first[0], again[0] in {200, 202}) == (202, True)
    job = json.loads(first[2])["id"]
    assert json.loads(again[2])["id"] == job
    assert final(gateway, job)["attempts"] == 1
    status, headers, body = submit(gateway, idempotency_key="order-7")
    assert (status, json.loads(body)) == (
        200,
        {"id": job, "state": "succeeded", "location": f"/jobs/{job}"},
    )
    assert "retry-after" not in headers
    for status, _, body in (
        submit(gateway, body=INFER + b" ", idempotency_key="order-7"),
        submit(gateway, idempotency_key="order-7", x_unit_id="another"),
    ):
        assert status == 422
        assert "idempotency-key" in json.loads(body)["error"]


def test_a_backlog_past_its_bound_is_429_and_nothing_is_accepted(
    tmp_path: Path, upstreams: tuple[FakeUpstream, FakeUpstream], redis_server: RedisServer
) -> None:
    table = table_of({"sentiment": [upstreams[0].arm(model="sentiment", intervals=[[0, 1]])]})
    settings = {"redis_url": redis_server.url, "redis_prefix": "backlog", "job_backlog": 2}
    alone = Gateway(tmp_path, table, **settings)
    alone.up()
    try:
        assert [submit(alone)[0] for _ in range(2)] == [202, 202]
        status, headers, body = submit(alone)
        assert status == 429
        assert int(headers["retry-after"]) >= 1
        assert "2 jobs" in json.loads(body)["error"]
        assert submit(alone, x_callback_url="https://example.com/")[0] == 422
    finally:
        assert alone.stop() == 0


def test_a_body_that_never_arrives_whole_is_no_job(
    tmp_path: Path, upstreams: tuple[FakeUpstream, FakeUpstream], redis_server: RedisServer
) -> None:
    table = table_of({"sentiment": [upstreams[0].arm(model="sentiment", intervals=[[0, 1]])]})
    settings = {"redis_url": redis_server.url, "redis_prefix": "slow", "request_timeout": 0.5}
    alone = Gateway(tmp_path, table, **settings)
    alone.up()
    head = f"POST {V2} HTTP/1.1\r\nhost: localhost\r\nprefer: respond-async\r\ncontent-length: 100\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", alone.http_port), 30) as slow:
            slow.sendall(head.encode() + b"{")
            assert slow.recv(4096).startswith(b"HTTP/1.1 408 ")
        with socket.create_connection(("127.0.0.1", alone.http_port), 30) as gone:
            gone.sendall(head.encode() + b"{")
        assert submit(alone)[0] == 202
        assert alone.metric("trellis_jobs_total", state="accepted") == 1
    finally:
        assert alone.stop() == 0
    assert "Traceback" not in alone.log.read_text()


def test_without_a_store_of_jobs_there_are_none(
    tmp_path: Path, upstreams: tuple[FakeUpstream, FakeUpstream]
) -> None:
    table = table_of({"sentiment": [upstreams[0].arm(model="sentiment", intervals=[[0, 1]])]})
    alone = Gateway(tmp_path, table)
    alone.up()
    try:
        for status, _, body in (submit(alone), get(f"{alone.url}/jobs/1")):
            assert status == 503
            assert "redis_url" in json.loads(body)["error"]
    finally:
        assert alone.stop() == 0

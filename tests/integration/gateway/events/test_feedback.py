"""Feedback through a real gateway: joined, once, refused in words, and never lost by halves."""

import hashlib
import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from tests.integration.gateway.events.conftest import ADMIN_KEY, Stand, make_key, recorded_table
from tests.integration.gateway.processes import FakeUpstream, Gateway, ask, post_json
from tests.integration.redis_server import RedisServer
from trellis.contracts.events import Exposure, Outcome


def stream(stand: Stand, name: str) -> list[dict[str, Any]]:
    client: Any = Redis.from_url(stand.redis.url)
    entries = client.xrange(f"{stand.prefix}:{{events}}:{name}")
    client.close()
    return [json.loads(fields[b"event"]) for _, fields in entries]


def new_id() -> str:
    return f"r-{uuid4().hex}"


def test_an_outcome_meets_what_served_its_request(stand: Stand) -> None:
    request_id = new_id()
    assert stand.predict("anna", request_id) == 200
    status, answer = stand.feedback({"request_id": request_id, "conversion": True})
    assert status == 200
    assert answer.keys() == {"request_id", "conversion", "time"}
    (outcome,) = [
        Outcome.model_validate(one)
        for one in stream(stand, "outcomes")
        if one["requestId"] == request_id
    ]
    (exposure,) = [
        Exposure.model_validate(one)
        for one in stream(stand, "exposures")
        if one["requestId"] == request_id
    ]
    assert (outcome.revision, outcome.arm) == (exposure.revision, exposure.arm)
    assert (outcome.unit, outcome.exposed_at) == (exposure.unit, exposure.time)
    assert outcome.propensity == exposure.propensity == 0.5
    hashed = hashlib.blake2b(b"anna", key=b"salt of leaf").digest()[:8]
    assert (exposure.unit, exposure.sticky, exposure.asked) == (hashed.hex(), True, False)


def test_the_same_again_is_answered_the_same_and_another_is_refused(stand: Stand) -> None:
    request_id = new_id()
    stand.predict("ben", request_id)
    first = stand.feedback({"request_id": request_id, "label": "green"})
    assert first[0] == 200
    assert stand.feedback({"request_id": request_id, "label": "green"}) == first
    status, answer = stand.feedback({"request_id": request_id, "label": "brown"})
    assert (status, answer["error"]) == (
        409,
        f"request '{request_id}' has another label already; what was said once stays",
    )
    assert stand.feedback({"request_id": request_id, "score": 4})[0] == 200
    assert stand.feedback({"request_id": request_id, "score": 4.0})[1]["score"] == 4.0
    said = [one["kind"] for one in stream(stand, "outcomes") if one["requestId"] == request_id]
    assert said == ["label", "score"]


def test_a_request_that_is_not_known_is_404_in_words(stand: Stand) -> None:
    status, answer = stand.feedback({"request_id": "never-came", "label": "x"})
    assert (status, "never came, is too old" in answer["error"]) == (404, True)
    unrecorded = new_id()
    assert stand.predict("carl", unrecorded, model="squares") == 200
    assert stand.feedback({"request_id": unrecorded, "label": "x"})[0] == 404


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "request_id"),
        ("text", "an object"),
        (None, "an object"),
        ({"request_id": "", "label": "x"}, "request_id"),
        ({"request_id": 5, "label": "x"}, "request_id"),
        ({"request_id": "a b", "label": "x"}, "request_id"),
        ({"request_id": "r" * 129, "label": "x"}, "request_id"),
        ({"request_id": "r"}, "exactly one"),
        ({"request_id": "r", "label": "x", "score": 1}, "label and score"),
        ({"request_id": "r", "label": ""}, "label"),
        ({"request_id": "r", "label": "x" * 257}, "label"),
        ({"request_id": "r", "label": 1}, "label"),
        ({"request_id": "r", "score": True}, "score"),
        ({"request_id": "r", "score": "1"}, "score"),
        ({"request_id": "r", "score": 1e13}, "score"),
        ({"request_id": "r", "conversion": 1}, "conversion"),
        ({"request_id": "r", "conversion": True, "value": 1}, "unknown field 'value'"),
        ([], "1 to 500"),
        ([{"request_id": "r", "label": "x"}] * 501, "1 to 500"),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_what_does_not_fit_is_named(stand: Stand, document: Any, field: str) -> None:
    status, answer = stand.feedback(document)
    assert status == 422
    assert field in answer["error"]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"request_id": "r", "label": "\\ud800"}', "application/json", 400),
        (b"", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"{}", "application/x-www-form-urlencoded", 415),
        (b" " * (2**20 + 1), "application/json", 413),
    ],
)
def test_bodies_that_cannot_be_read(
    stand: Stand, body: bytes, content_type: str, status: int
) -> None:
    url = f"{stand.gateway.url}/feedback"
    got, headers, answer = ask("POST", url, body, {"content-type": content_type})
    assert got == status
    assert set(json.loads(answer)) == {"error"}
    assert headers["x-request-id"]
    assert ask("GET", url)[0] == 405


def test_a_list_is_answered_one_by_one(stand: Stand) -> None:
    one, two = new_id(), new_id()
    stand.predict("dora", one)
    stand.predict("emil", two)
    said = [
        {"request_id": one, "conversion": True},
        {"request_id": "never-came", "conversion": True},
        {"request_id": two, "conversion": "yes"},
        {"request_id": one, "conversion": False},
        {"request_id": two, "conversion": False},
    ]
    status, answer = stand.feedback(said)
    assert status == 200
    assert [result["status"] for result in answer["results"]] == [200, 404, 422, 409, 200]
    assert answer["results"][4]["conversion"] is False


def test_the_same_twice_in_one_list_is_recorded_once(stand: Stand) -> None:
    request_id = new_id()
    stand.predict("finn", request_id)

    def counts() -> list[float]:
        kinds = ("recorded", "repeated")
        name = 'trellis_outcomes_total{kind="score",result="%s"}'
        return [stand.metric(name % kind) for kind in kinds]

    before = counts()
    status, answer = stand.feedback([{"request_id": request_id, "score": 1}] * 3)
    assert (status, [result["status"] for result in answer["results"]]) == (200, [200] * 3)
    assert [now - then for now, then in zip(counts(), before, strict=True)] == [1, 2]


def test_with_keys_only_those_for_feedback_and_for_the_model_may(closed: Stand) -> None:
    request_id = new_id()
    admin = {"x-api-key": ADMIN_KEY}
    assert closed.predict("fay", request_id, **admin) == 200
    document = {"request_id": request_id, "conversion": True}
    assert closed.feedback(document)[0] == 401
    infer = make_key(closed, "--name", "infer", "--scopes", "infer")
    assert closed.feedback(document, {"x-api-key": infer})[0] == 403
    other = make_key(closed, "--name", "other", "--scopes", "feedback", "--models", "squares")
    status, answer = closed.feedback(document, {"x-api-key": other})
    assert (status, "model" in answer["error"]) == (403, True)
    fit = make_key(closed, "--name", "fit", "--scopes", "feedback", "--models", "lea*")
    assert closed.feedback(document, {"authorization": f"Bearer {fit}"})[0] == 200


@pytest.fixture
def lonely(
    both: tuple[FakeUpstream, FakeUpstream], tmp_path: Path
) -> Iterator[tuple[Gateway, RedisServer]]:
    """A gateway whose Redis is a test's own."""
    server = RedisServer(tmp_path)
    server.start()
    gateway = Gateway(tmp_path, recorded_table(*both), redis_url=server.url)
    gateway.up()
    yield gateway, server
    gateway.stop()
    server.stop()


def test_a_redis_that_is_killed_loses_no_exposure_and_no_feedback(
    lonely: tuple[Gateway, RedisServer],
) -> None:
    gateway, server = lonely
    stand = Stand(gateway, server, None, "trellis")  # type: ignore[arg-type]  # it has none
    before, during = new_id(), new_id()
    stand.predict("a", before)
    said = {"request_id": before, "conversion": True}
    assert stand.feedback(said)[0] == 200
    server.kill()
    # Who asks for an answer needs no Redis; who brings feedback is told to come again.
    assert stand.predict("b", during) == 200
    status, headers, body = post_json(f"{gateway.url}/feedback", said)
    assert (status, headers["retry-after"]) == (503, "1")
    assert set(json.loads(body)) == {"error"}
    server.start()
    while (again := stand.feedback({"request_id": during, "label": "x"}))[0] == 503:
        pass
    assert again[0] == 200
    assert stand.feedback(said)[0] == 200
    assert [one["requestId"] for one in stream(stand, "exposures")] == [before, during]
    assert [one["requestId"] for one in stream(stand, "outcomes")] == [before, during]


def test_feedback_may_come_by_another_gateway_at_once(
    stand: Stand, both: tuple[FakeUpstream, FakeUpstream], tmp_path: Path
) -> None:
    """The one that answered may hold the exposure still."""
    other = Gateway(
        tmp_path, recorded_table(*both), redis_url=stand.redis.url, redis_prefix=stand.prefix
    )
    other.up()
    try:
        for _ in range(10):
            request_id = new_id()
            assert stand.predict("gus", request_id) == 200
            said = {"request_id": request_id, "conversion": True}
            assert post_json(f"{other.url}/feedback", said)[0] == 200
    finally:
        other.stop()


def test_an_emptied_redis_is_told_as_unknown_and_counts_anew(
    lonely: tuple[Gateway, RedisServer],
) -> None:
    gateway, server = lonely
    stand = Stand(gateway, server, None, "trellis")  # type: ignore[arg-type]  # it has none
    before, after = new_id(), new_id()
    stand.predict("a", before)
    assert stand.feedback({"request_id": before, "label": "x"})[0] == 200
    client = Redis.from_url(server.url)
    client.flushall()
    client.script_flush()
    client.close()
    assert stand.feedback({"request_id": before, "label": "x"})[0] == 404
    stand.predict("a", after)
    assert stand.feedback({"request_id": after, "label": "x"})[0] == 200
    arms = stand.read("/experiments/colours/status")[1]["arms"]
    assert sum(arm["exposures"] for arm in arms) == 1


def test_a_hung_redis_is_503_for_feedback_and_nothing_for_predictions(
    lonely: tuple[Gateway, RedisServer],
) -> None:
    gateway, server = lonely
    stand = Stand(gateway, server, None, "trellis")  # type: ignore[arg-type]  # it has none
    names = [new_id() for _ in range(30)]
    assert stand.predict("a", names[0]) == 200
    assert stand.feedback({"request_id": names[0], "label": "x"})[0] == 200
    server.signal(signal.SIGSTOP)
    try:
        assert {stand.predict("a", name) for name in names[1:]} == {200}
        assert stand.feedback({"request_id": names[1], "label": "x"})[0] == 503
    finally:
        server.signal(signal.SIGCONT)
    assert stand.feedback({"request_id": names[-1], "label": "x"})[0] == 200
    assert sorted(one["requestId"] for one in stream(stand, "exposures")) == sorted(names)


def test_a_caller_that_leaves_within_its_body_is_no_fault(stand: Stand) -> None:
    with socket.create_connection(("127.0.0.1", stand.gateway.http_port)) as connection:
        connection.sendall(
            b"POST /feedback HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"content-length: 100\r\n\r\n{"
        )
    # The next answer comes after the gateway has seen the first caller go.
    assert stand.feedback({"request_id": "never-came", "label": "x"})[0] == 404
    assert "request failed" not in stand.gateway.log.read_text()


def test_what_is_held_at_sigterm_is_written(lonely: tuple[Gateway, RedisServer]) -> None:
    gateway, server = lonely
    stand = Stand(gateway, server, None, "trellis")  # type: ignore[arg-type]  # it has none
    names = [new_id() for _ in range(20)]
    for name in names:
        stand.predict(name, name)
    assert gateway.stop() == 0
    assert sorted(one["requestId"] for one in stream(stand, "exposures")) == sorted(names)
    gateway.start()


def test_without_a_redis_feedback_is_503_in_words(
    both: tuple[FakeUpstream, FakeUpstream], tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path, recorded_table(*both))
    gateway.up()
    try:
        status, _, body = post_json(f"{gateway.url}/feedback", {"request_id": "r", "label": "x"})
        assert (status, "redis_url" in json.loads(body)["error"]) == (503, True)
    finally:
        gateway.stop()

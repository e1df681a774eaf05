"""``/models`` through a real gateway: plain for people, with versions for operators; and changes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.gateway.events.conftest import ADMIN_KEY, Stand, make_key, recorded_table
from tests.integration.gateway.processes import FakeUpstream, Gateway, ask, get
from tests.integration.ports import free_port


def versions(document: dict[str, Any], name: str = "leaf") -> dict[str, dict[str, Any]]:
    (model,) = [model for model in document["models"] if model["name"] == name]
    return {row["version"]: row for row in model["versions"]}


def test_an_operator_sees_versions_with_what_controller_and_predictor_say(stand: Stand) -> None:
    stand.post("/models/leaf/versions/v1:activate")
    status, document = stand.read("/models")
    assert (status, document["controller"]) == (200, True)
    assert [model["name"] for model in document["models"]] == ["leaf", "squares"]
    assert {model["name"]: model["input"] for model in document["models"]} == {
        "leaf": "image",
        "squares": "numbers",
    }
    rows = versions(document)
    assert (rows["v1"]["weight"], rows["v2"]["weight"]) == (0.5, 0.5)
    assert (rows["v1"]["role"], rows["v1"]["ready"], rows["v1"]["loaded"]) == ("stable", True, True)
    assert rows["v1"]["metrics"] == {"accuracy": 0.9}
    assert rows["v1"]["fingerprint"] == "sha256:v1"
    # A revision that the table does not know yet, and why it is not ready.
    assert (rows["v0"]["weight"], rows["v0"]["ready"]) == (0, False)
    assert rows["v0"]["reason"] == "its image cannot be pulled"


def test_activate_and_rollback_go_to_the_controller_and_into_the_audit(stand: Stand) -> None:
    request_id = f"r-{uuid4().hex}"
    headers = {"x-request-id": request_id}
    status, state = stand.post("/models/leaf/versions/v2:activate", headers)
    assert status == 202
    assert [row["weight"] for row in state["revisions"]] == [0, 0, 1]
    status, state = stand.post("/models/leaf/versions/v2:rollback", headers)
    assert status == 202
    assert [row["weight"] for row in state["revisions"]] == [0, 1, 0]
    status, answer = stand.post("/models/leaf/versions/v9:activate", headers)
    assert (status, "known are: v1, v2" in answer["error"]) == (404, True)
    entries = stand.read("/audit?limit=3")[1]["entries"]
    assert [(entry["action"], entry["subject"], entry["status"]) for entry in entries] == [
        ("activate", "leaf/v9", 404),
        ("rollback", "leaf/v2", 202),
        ("activate", "leaf/v2", 202),
    ]
    assert {entry["actor"] for entry in entries} == {"open"}
    assert {entry["requestId"] for entry in entries} == {request_id}
    told = [one for one in stand.controller.told() if one["method"] == "POST"]
    assert {(one["x-trellis-actor"], one["x-request-id"]) for one in told[-3:]} == {
        ("open", request_id)
    }
    lines = [json.loads(line) for line in stand.gateway.log.read_text().splitlines()]
    logged = [line for line in lines if line.get("request_id") == request_id]
    assert [(line["event"], line["action"], line["actor"]) for line in logged] == [
        ("audit", "activate", "open"),
        ("audit", "rollback", "open"),
        ("audit", "activate", "open"),
    ]
    assert logged[2]["outcome"] == answer["error"]


@pytest.mark.parametrize("limit", ["0", "1001", "x", "-1", "9" * 30, "%D9%A3", "1_0"])
def test_the_audits_limit_is_checked(stand: Stand, limit: str) -> None:
    status, answer = stand.read(f"/audit?limit={limit}")
    assert (status, "limit" in answer["error"]) == (422, True)


def test_changes_are_asked_for_by_post(stand: Stand) -> None:
    assert stand.read("/models/leaf/versions/v1:activate")[0] == 405
    assert stand.post("/models/leaf/versions/v1:delete")[0] == 404


def test_with_keys_versions_are_for_operators(closed: Stand) -> None:
    status, document = closed.read("/models")
    assert status == 200
    assert document["models"][0].keys() == {"name", "input", "default"}
    assert "v1" not in json.dumps(document)
    assert closed.read("/models", {"x-api-key": "wrong"})[0] == 401
    operator = {"x-api-key": ADMIN_KEY, "x-request-id": f"r-{uuid4().hex}"}
    assert versions(closed.read("/models", operator)[1]).keys() == {"v0", "v1", "v2"}
    assert closed.post("/models/leaf/versions/v2:activate")[0] == 401
    assert closed.post("/models/leaf/versions/v1:activate", operator)[0] == 202
    (entry,) = closed.read("/audit?limit=1", operator)[1]["entries"]
    assert (entry["subject"], entry["requestId"]) == ("leaf/v1", operator["x-request-id"])
    assert entry["actor"] != "open"


def test_a_key_that_only_lists_is_no_forbidden_one_and_sees_its_models(closed: Stand) -> None:
    refused = 'trellis_access_refused_total{reason="forbidden"}'
    before = closed.metric(refused)
    key = make_key(closed, "--name", "lists", "--models", "sq*", "--rate", "5")
    status, headers, body = get(f"{closed.gateway.url}/models", {"x-api-key": key})
    assert (status, headers["ratelimit-limit"]) == (200, "10")
    document = json.loads(body)
    assert [model["name"] for model in document["models"]] == ["squares"]
    assert "versions" not in document["models"][0]
    assert closed.metric(refused) == before


def test_an_operator_of_some_models_sees_only_those(closed: Stand) -> None:
    flags = ("--scopes", "admin", "--models", "squares")
    narrow = {"x-api-key": make_key(closed, "--name", "narrow", *flags)}
    everything = {"x-api-key": ADMIN_KEY}
    (model,) = closed.read("/models", narrow)[1]["models"]
    assert (model["name"], len(model["versions"])) == ("squares", 1)
    assert closed.post("/models/leaf/versions/v1:activate", everything)[0] == 202
    assert closed.post("/models/squares/versions/v1:activate", narrow)[0] == 404
    assert {entry["model"] for entry in closed.read("/audit", everything)[1]["entries"]} >= {
        "leaf",
        "squares",
    }
    told = closed.read("/audit", narrow)[1]["entries"]
    assert {entry["model"] for entry in told} == {"squares"}


@pytest.fixture
def alone(both: tuple[FakeUpstream, FakeUpstream], tmp_path: Path) -> Iterator[Gateway]:
    """No Redis, and a controller that does not listen."""
    gateway = Gateway(
        tmp_path,
        recorded_table(*both),
        controller_url=f"http://127.0.0.1:{free_port()}",
        controller_token="a token of the tests",
    )
    gateway.up()
    yield gateway
    gateway.stop()


def test_without_controller_and_redis_the_models_are_still_told(alone: Gateway) -> None:
    status, _, body = get(f"{alone.url}/models")
    document = json.loads(body)
    assert (status, document["controller"]) == (200, False)
    assert versions(document)["v2"]["loaded"] is True
    for method, path in (
        ("POST", "/models/leaf/versions/v1:activate"),
        ("GET", "/experiments"),
        ("GET", "/experiments/colours/status"),
        ("GET", "/audit"),
    ):
        status, headers, body = ask(method, alone.url + path, b"" if method == "POST" else None)
        assert (status, headers["retry-after"]) == (503, "1")
        assert set(json.loads(body)) == {"error"}
    lines = [json.loads(line) for line in alone.log.read_text().splitlines()]
    (audit,) = [line for line in lines if line["event"] == "audit"]
    assert (audit["subject"], audit["status"]) == ("leaf/v1", 503)

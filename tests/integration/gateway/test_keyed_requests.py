"""A gateway that asks for keys: over REST, ``/predict`` and gRPC alike."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from tests.integration.gateway.access.doors import id_of, key_store, make_key
from tests.integration.gateway.processes import (
    Answer,
    FakeUpstream,
    Gateway,
    ask,
    get,
    post_json,
    table_of,
)
from tests.integration.redis_server import RedisServer
from trellis.gateway.dashboard.session import LONGEST_KEY

INFER = "/v2/models/split/infer"
PREDICT = "/predict/sentiment"
SENTENCE = {"text": "so glad"}
SCOPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "chooser": {"scopes": ["infer", "version"]},
    "narrow": {"models": ["senti*"]},
    "speaker": {"scopes": ["feedback"]},
    "slow": {"rate": 0.001, "burst": 2},
    "ward": {"scopes": ["admin", "infer"], "models": ["senti*"]},
}


class Keyed:
    """A gateway with ``auth: keys``, and the texts of its keys by name."""

    def __init__(self, gateway: Gateway, keys: dict[str, str]) -> None:
        self.gateway = gateway
        self.keys = keys

    def shown(self, name: str, header: str = "authorization") -> dict[str, str]:
        key = self.keys[name]
        return {header: f"Bearer {key}" if header == "authorization" else key}

    def post(self, path: str, name: str | None, **headers: str) -> Answer:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        shown = self.shown(name) if name else {}
        return post_json(self.gateway.url + path, SENTENCE, {**shown, **named})


@pytest.fixture(scope="module")
def keyed(
    folder: Path, upstreams: tuple[FakeUpstream, FakeUpstream], redis_server: RedisServer
) -> Iterator[Keyed]:
    one, two = upstreams
    halves = [
        one.arm(model="sentiment", intervals=[[0, 0.5]], role="stable"),
        two.arm(model="sentiment", intervals=[[0.5, 1]], role="canary"),
    ]
    table = table_of({"split": {"arms": halves, "override": "scope"}, "sentiment": halves})
    place = folder / "keyed"
    place.mkdir()
    gateway = Gateway(place, table, auth="keys", redis_url=redis_server.url, redis_prefix="keyed")
    gateway.up()

    async def make() -> dict[str, str]:
        async with key_store(redis_server, "keyed") as store:
            return {name: await make_key(store, **fields) for name, fields in SCOPES.items()}

    yield Keyed(gateway, asyncio.run(make()))
    assert gateway.stop() == 0


@pytest.mark.parametrize("path", [INFER, "/v1/models/split:predict", "/v2/models/split", PREDICT])
def test_without_a_good_key_nothing_is_answered(keyed: Keyed, path: str) -> None:
    good = keyed.keys["plain"]
    forged = good[:-1] + ("0" if good[-1] != "0" else "1")
    for shown in ({}, {"authorization": "Bearer tk_x"}, {"x-api-key": forged}):
        status, headers, body = post_json(keyed.gateway.url + path, SENTENCE, shown)
        assert status == 401
        assert headers["www-authenticate"].startswith("Bearer")
        assert headers["x-request-id"]
        assert set(json.loads(body)) == {"error"}


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
@pytest.mark.parametrize("path", [INFER, PREDICT])
def test_a_key_is_good_for_what_it_says(keyed: Keyed, header: str, path: str) -> None:
    url = keyed.gateway.url + path
    status, headers, _ = post_json(url, SENTENCE, keyed.shown("plain", header))
    assert status == 200
    assert 0 < int(headers["ratelimit-remaining"]) <= int(headers["ratelimit-limit"])
    status, _, body = post_json(url, SENTENCE, keyed.shown("speaker", header))
    assert status == 403
    assert "infer" in json.loads(body)["error"]


def test_a_key_for_one_model_learns_nothing_of_others(keyed: Keyed) -> None:
    assert keyed.post(PREDICT, "narrow")[0] == 200
    known = keyed.post(INFER, "narrow")
    unknown = keyed.post("/v2/models/nowhere/infer", "narrow")
    assert known[0] == unknown[0] == 403
    assert 0 <= int(known[1]["ratelimit-remaining"]) <= int(known[1]["ratelimit-limit"])
    assert (
        json.loads(known[2])["error"].replace("split", "nowhere")
        == (json.loads(unknown[2])["error"])
    )


def test_no_key_reaches_a_predictor(keyed: Keyed) -> None:
    for header in ("authorization", "x-api-key"):
        answer = post_json(keyed.gateway.url + INFER, {}, keyed.shown("plain", header))
        assert answer[0] == 200
        assert keyed.keys["plain"].encode() not in answer[2]
        assert header not in json.loads(answer[2])["headers"]


def test_the_key_is_the_unit_of_who_says_nothing_else(keyed: Keyed) -> None:
    def who(**headers: str) -> Any:
        return json.loads(keyed.post(INFER, "plain", **headers)[2])["name"]

    alone = {who() for _ in range(12)}
    assert len(alone) == 1
    assert alone == {who(x_unit_id=id_of(keyed.keys["plain"]))}
    assert {who(x_unit_id=f"user {number}") for number in range(12)} == {"v1", "v2"}


def test_a_visitor_with_a_key_needs_no_cookie(keyed: Keyed) -> None:
    assert "set-cookie" not in keyed.post(PREDICT, "plain")[1]


@pytest.mark.parametrize("asked", ["path", "header", "query"])
def test_a_version_is_for_keys_with_that_scope_where_the_table_says_so(
    keyed: Keyed, asked: str
) -> None:
    path = {
        "path": "/v2/models/split/versions/v2/infer",
        "header": INFER,
        "query": f"{INFER}?model_version=v2",
    }[asked]
    headers = {"x_model_version": "v2"} if asked == "header" else {}
    status, answered, body = keyed.post(path, "plain", **headers)
    assert status == 403
    assert "scope 'version'" in json.loads(body)["error"]
    assert "x-model-version" not in answered
    status, answered, body = keyed.post(path, "chooser", **headers)
    assert (status, answered["x-model-version"]) == (200, "v2")
    # Not even one that does not exist: the refusal tells nothing of which do.
    assert keyed.post(f"{INFER}?model_version=v9", "plain")[0] == 403
    assert keyed.post(f"{INFER}?model_version=v9", "chooser")[0] == 404


def test_elsewhere_anyone_may_ask_for_a_version(keyed: Keyed) -> None:
    status, headers, _ = keyed.post("/v2/models/sentiment/infer?model_version=v2", "plain")
    assert (status, headers["x-model-version"]) == (200, "v2")


def test_who_asks_too_often_is_told_when_to_come_again(keyed: Keyed) -> None:
    let_in = [keyed.post(INFER, "slow") for _ in range(2)]
    assert [answer[0] for answer in let_in] == [200, 200]
    assert [answer[1]["ratelimit-remaining"] for answer in let_in] == ["1", "0"]
    for path in (INFER, PREDICT):
        status, headers, body = keyed.post(path, "slow")
        assert status == 429
        assert int(headers["retry-after"]) > 1
        assert headers["ratelimit-remaining"] == "0"
        assert json.loads(body)["error"]
    assert keyed.post(INFER, "plain")[0] == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/models/nowhere/infer", 404),
        (f"{INFER}?model_version=v9", 403),
        ("/predict/nowhere", 404),
        (f"{PREDICT}?model_version=v9", 404),
    ],
)
def test_what_met_no_arm_still_says_what_is_left_of_the_limit(
    keyed: Keyed, path: str, status: int
) -> None:
    answered, headers, _ = keyed.post(path, "plain")
    assert answered == status
    assert 0 < int(headers["ratelimit-remaining"]) <= int(headers["ratelimit-limit"])


def test_what_is_refused_is_counted_under_no_model(keyed: Keyed) -> None:
    before = keyed.gateway.metric("trellis_requests_total", model="", code="401")
    keyed.post("/v2/models/whatever/infer", None)
    assert keyed.gateway.metric("trellis_requests_total", model="", code="401") == before + 1
    assert b"whatever" not in get(keyed.gateway.metrics_url)[2]


class TestGrpc:
    """The same over gRPC, with the key in the metadata."""

    MESSAGE = pb.ModelInferRequest(model_name="split").SerializeToString()

    def ask(
        self, keyed: Keyed, name: str | None, message: bytes = MESSAGE, header: str = "x-api-key"
    ) -> tuple[grpc.StatusCode, str, dict[str, str]]:
        """Code, details, and the metadata of the answer (initial or, of a refusal, trailing)."""
        shown = tuple(keyed.shown(name, header).items()) if name else ()
        with grpc.insecure_channel(f"127.0.0.1:{keyed.gateway.grpc_port}") as channel:
            infer: Any = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
            try:
                _, call = infer.with_call(message, metadata=shown, timeout=20)
            except grpc.RpcError as error:
                refused: Any = error
                return refused.code(), refused.details(), dict(refused.trailing_metadata())
            return grpc.StatusCode.OK, "", dict(call.initial_metadata())

    def test_codes_are_those_of_the_table(self, keyed: Keyed) -> None:
        assert self.ask(keyed, None)[0] is grpc.StatusCode.UNAUTHENTICATED
        assert self.ask(keyed, "speaker")[0] is grpc.StatusCode.PERMISSION_DENIED
        assert self.ask(keyed, "narrow")[0] is grpc.StatusCode.PERMISSION_DENIED
        code, _, metadata = self.ask(keyed, "slow")
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert int(metadata["retry-after"]) > 1

    @pytest.mark.parametrize("header", ["authorization", "x-api-key"])
    def test_a_good_key_is_let_in_and_not_passed_on(self, keyed: Keyed, header: str) -> None:
        code, _, metadata = self.ask(keyed, "plain", header=header)
        assert code is grpc.StatusCode.OK
        assert 0 < int(metadata["ratelimit-remaining"]) <= int(metadata["ratelimit-limit"])
        seen = json.loads(metadata["seen"])
        assert header not in seen
        assert keyed.keys["plain"] not in metadata["seen"]

    def test_the_key_is_the_unit(self, keyed: Keyed) -> None:
        seen = {json.loads(self.ask(keyed, "plain")[2]["seen"])["served-by"] for _ in range(12)}
        rest = json.loads(keyed.post(INFER, "plain")[2])["name"]
        assert seen == {rest}

    @pytest.mark.parametrize(
        ("name", "fields", "code"),
        [
            ("plain", {"model_name": "nowhere"}, grpc.StatusCode.NOT_FOUND),
            ("plain", {"model_name": "split", "model_version": "v2"}, None),
            ("narrow", {"model_name": "split"}, None),
            ("slow", {"model_name": "split"}, grpc.StatusCode.RESOURCE_EXHAUSTED),
        ],
        ids=["unknown", "version", "scope", "limit"],
    )
    def test_a_refusal_says_what_is_left_of_the_limit(
        self, keyed: Keyed, name: str, fields: dict[str, str], code: grpc.StatusCode | None
    ) -> None:
        message = pb.ModelInferRequest(**fields).SerializeToString()
        for _ in range(3):  # the slow one's burst is two
            found, _, metadata = self.ask(keyed, name, message)
        assert found is (code or grpc.StatusCode.PERMISSION_DENIED)
        assert 0 <= int(metadata["ratelimit-remaining"]) <= int(metadata["ratelimit-limit"])

    def test_a_version_is_for_keys_with_that_scope(self, keyed: Keyed) -> None:
        message = pb.ModelInferRequest(model_name="split", model_version="v2").SerializeToString()
        code, sentence, _ = self.ask(keyed, "plain", message)
        assert code is grpc.StatusCode.PERMISSION_DENIED
        assert "scope 'version'" in sentence
        code, _, metadata = self.ask(keyed, "chooser", message)
        assert (code, metadata["x-model-version"]) == (grpc.StatusCode.OK, "v2")


@pytest.mark.parametrize("name", [None, "plain"])
def test_metrics_are_at_a_port_of_their_own_and_at_the_front_door_for_nobody(
    keyed: Keyed, name: str | None
) -> None:
    headers = keyed.shown(name) if name else {}
    assert get(f"{keyed.gateway.url}/metrics", headers)[0] == 404
    keyed.post(INFER, "plain")
    status, told, page = get(keyed.gateway.metrics_url)
    assert (status, told["content-type"].partition(";")[0]) == (200, "text/plain")
    assert b'trellis_requests_total{code="200",model="split"' in page


class TestDashboardOfSomeModels:
    """What an admin key for some models sees, and may do, there."""

    def test_it_shows_the_key_s_models_and_no_word_of_others(self, keyed: Keyed) -> None:
        keyed.post(INFER, "plain")
        keyed.post(PREDICT, "plain")
        status, _, page = get(f"{keyed.gateway.url}/dashboard", keyed.shown("ward"))
        assert status == 200
        assert b"sentiment" in page
        assert b"split" not in page

    def test_it_replays_no_job_of_another_model(self, keyed: Keyed) -> None:
        status, _, body = keyed.post(INFER, "plain", prefer="respond-async")
        assert status == 202
        url = f"{keyed.gateway.url}/dashboard/jobs/{json.loads(body)['id']}/replay"
        form = {"content-type": "application/x-www-form-urlencoded"}
        status, _, page = ask("POST", url, b"", {**keyed.shown("ward"), **form})
        assert status == 403
        assert b"is not for model" in page

    def test_a_token_that_no_cookie_holds_is_refused_in_words(self, keyed: Keyed) -> None:
        form = {"content-type": "application/x-www-form-urlencoded"}
        url = f"{keyed.gateway.url}/dashboard/sign-in"
        status, _, page = ask("POST", url, b"key=" + b"t" * (LONGEST_KEY + 1), form)
        assert status == 403
        assert b"send it as a header" in page
        assert f'maxlength="{LONGEST_KEY}"'.encode() in page


@pytest.mark.parametrize("path", ["/", "/?model=split", "/models"])
def test_what_asks_predictors_without_a_key_counts_at_the_limit_of_strangers(
    keyed: Keyed, path: str
) -> None:
    before = get(f"{keyed.gateway.url}/models")[1]
    headers = get(keyed.gateway.url + path)[1]
    assert headers["ratelimit-limit"] == before["ratelimit-limit"] == "100"
    assert int(headers["ratelimit-remaining"]) < 100

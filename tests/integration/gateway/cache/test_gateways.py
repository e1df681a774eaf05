"""Two gateway processes, two versions and one Redis: what callers get."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.integration.gateway.processes import (
    Answer,
    FakeUpstream,
    Gateway,
    post_json,
    table_of,
)
from tests.integration.redis_server import RedisServer

INFER = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["so glad"]}]}


def until_reached(gateways: list[Gateway]) -> None:
    """Until all have reached Redis: it is done beside the requests."""
    until = time.monotonic() + 60
    while any(gateway.metric("trellis_circuit_open", circuit="cache") for gateway in gateways):
        assert time.monotonic() < until
        time.sleep(0.01)


class Pair:
    """Two gateways in front of v1 and v2, half of the units each."""

    def __init__(
        self, folder: Path, upstreams: tuple[FakeUpstream, FakeUpstream], redis: str
    ) -> None:
        one, two = (
            upstream.arm(model="sentiment", fingerprint=f"sha256:{upstream.name}", intervals=part)
            for upstream, part in zip(upstreams, ([[0, 0.5]], [[0.5, 1]]), strict=True)
        )
        behind = {**one, "revision": "sentiment-predictor", "intervals": [[0, 1]]}
        table = table_of(
            {
                "sentiment": [one, two],
                "uncached": {"arms": [one, two], "cacheSeconds": 0},
                "behind": [behind],
                "moved": [{**behind, "fingerprint": "sha256:another"}],
            }
        )
        self.gateways = []
        for name in ("first", "second"):
            own = folder / name
            own.mkdir()
            self.gateways.append(Gateway(own, table, cache_redis_url=redis, cache_timeout=2))
        for gateway in self.gateways:
            gateway.up()
        until_reached(self.gateways)

    def infer(
        self, place: int, text: str, model: str = "sentiment", **headers: str
    ) -> tuple[str, Answer]:
        """What ``x-cache`` says, and the whole answer."""
        document = {"inputs": [{**INFER["inputs"][0], "data": [text]}]}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{self.gateways[place].url}/v2/models/{model}/infer"
        answer = post_json(url, document, {"x-unit-id": "somebody", **named})
        return answer[1]["x-cache"], answer

    def misses(self) -> float:
        return sum(gateway.metric("trellis_cache_misses_total") for gateway in self.gateways)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"), durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory,
    upstreams: tuple[FakeUpstream, FakeUpstream],
    redis: RedisServer,
) -> Iterator[Pair]:
    running = Pair(tmp_path_factory.mktemp("pair"), upstreams, redis.url)
    yield running
    assert [gateway.stop() for gateway in running.gateways] == [0, 0]


def test_what_one_gateway_computed_the_other_answers(pair: Pair) -> None:
    one, first = pair.infer(0, "a fine thing")
    other, second = pair.infer(1, "a fine thing")
    assert (one, other) == ("miss", "hit")
    assert (first[0], second[0]) == (200, 200)
    said: list[dict[str, Any]] = [json.loads(answer[2]) for answer in (first, second)]
    assert [answer.pop("id") for answer in said] == [
        first[1]["x-request-id"],
        second[1]["x-request-id"],
    ]
    assert said[0] == said[1]
    for answer in (first, second):
        assert not any(name.startswith("x-model-") for name in answer[1])


def test_an_answer_from_the_cache_tells_the_version_to_whoever_asked_for_it(pair: Pair) -> None:
    for expected in ("miss", "hit"):
        outcome, answer = pair.infer(0, "told", x_model_version="v2")
        assert outcome == expected
        assert (answer[1]["x-model-version"], answer[1]["x-model-revision"]) == ("v2", "v2-1")
        assert answer[1]["x-model-fingerprint"] == "sha256:v2"


def test_an_answer_is_kept_where_it_names_the_fingerprint_that_the_table_says(pair: Pair) -> None:
    """Whatever its revision is called: a service's host leads to one after another."""
    for place, expected, revision in ((0, "miss", "v1-1"), (1, "hit", "sentiment-predictor")):
        outcome, answer = pair.infer(place, "by its own name", "behind", x_model_version="v1")
        assert (outcome, answer[1]["x-model-revision"]) == (expected, revision)
        assert answer[1]["x-model-fingerprint"] == "sha256:v1"
    assert [pair.infer(0, "moved on", "moved")[0] for _ in range(2)] == ["miss"] * 2


def test_equal_requests_at_both_at_once_are_computed_once(pair: Pair) -> None:
    before = pair.misses()

    def ask(number: int) -> str:
        return pair.infer(number % 2, "thought over", x_do="slow:0.5")[0]

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(ask, range(16)))
    assert sorted(outcomes) == ["hit"] * 15 + ["miss"]
    assert pair.misses() - before == 1


def test_nobody_is_answered_by_the_version_of_another(pair: Pair) -> None:
    units = [f"unit {number}" for number in range(40)]

    def version(place: int, unit: str) -> str:
        body = pair.infer(place, "by which version", x_unit_id=unit)[1][2]
        answered: str = json.loads(body)["model_version"]
        return answered

    def own(unit: str) -> str:
        body = pair.infer(0, "by which version", x_unit_id=unit, cache_control="no-cache")[1][2]
        answered: str = json.loads(body)["model_version"]
        return answered

    expected = [own(unit) for unit in units]
    assert set(expected) == {"v1", "v2"}
    with ThreadPoolExecutor(8) as pool:
        for place in (0, 1, 0):
            assert list(pool.map(lambda unit: version(place, unit), units)) == expected  # noqa: B023 - used up in its own round


@pytest.mark.parametrize("said", ["no-cache", "no-store", "max-age=0, No-Cache"])
def test_whoever_wants_no_cache_is_computed_for(pair: Pair, said: str) -> None:
    assert pair.infer(0, said, cache_control=said)[0] == "bypass"
    assert [pair.infer(0, said)[0], pair.infer(1, said, cache_control=said)[0]] == [
        "miss",
        "bypass",
    ]


def test_a_model_whose_route_keeps_nothing_is_computed_each_time(pair: Pair) -> None:
    assert [pair.infer(0, "again", "uncached")[0] for _ in range(2)] == ["bypass"] * 2


@pytest.mark.parametrize("status", [404, 422, 503])
def test_an_error_is_answered_anew_each_time(pair: Pair, status: int) -> None:
    for _ in range(2):
        outcome, answer = pair.infer(0, f"error {status}", x_do=f"status:{status}")
        assert (outcome, answer[0]) == ("miss", status)


def test_people_are_told_whether_it_was_the_cache(pair: Pair) -> None:
    said = []
    for gateway in pair.gateways:
        url = f"{gateway.url}/predict/sentiment"
        status, headers, body = post_json(url, {"text": "mine"}, {"x-unit-id": "me"})
        document = json.loads(body)
        assert status == 200
        assert document["cache"] == headers["x-cache"]
        assert document["request_id"] == headers["x-request-id"]
        said.append((document["cache"], document["label"], document["confidence"]))
    assert [outcome for outcome, *_ in said] == ["miss", "hit"]
    assert said[0][1:] == said[1][1:]


def test_a_redis_killed_under_load_costs_no_request(pair: Pair, redis: RedisServer) -> None:
    def ask(number: int) -> int:
        if number == 100:
            redis.kill()
        return pair.infer(number % 2, f"under load {number % 7}")[1][0]

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(300))) == {200}
    redis.start()
    until_reached(pair.gateways)
    assert [pair.infer(place, "after it")[0] for place in (0, 1)] == ["miss", "hit"]


def test_an_arm_is_not_blamed_for_what_another_gateway_computes(
    tmp_path: Path, upstreams: tuple[FakeUpstream, FakeUpstream], redis_server: RedisServer
) -> None:
    arms = [
        upstream.arm(
            fingerprint=f"sha256:{upstream.name}", model="sentiment", intervals=part, role=role
        )
        for upstream, part, role in zip(
            upstreams, ([[0, 1e-9]], [[1e-9, 1]]), ("stable", "canary"), strict=True
        )
    ]
    gateways = []
    for name, timeout in (("patient", 60), ("hasty", 1)):
        own = tmp_path / name
        own.mkdir()
        gateways.append(
            Gateway(
                own,
                table_of({"sentiment": arms}),
                cache_redis_url=redis_server.url,
                cache_timeout=2,
                redis_prefix="blame",
                request_timeout=timeout,
                eject_after=1,
            )
        )
    try:
        for gateway in gateways:
            gateway.up()
        until_reached(gateways)
        patient, hasty = (f"{gateway.url}/v2/models/sentiment/infer" for gateway in gateways)
        with ThreadPoolExecutor(1) as pool, Redis.from_url(redis_server.url) as redis:
            slow = pool.submit(post_json, patient, INFER, {"x-do": "slow:3"})
            until = time.monotonic() + 30
            while not list(redis.scan_iter("blame:cache:*")):
                assert time.monotonic() < until
                time.sleep(0.01)
            assert post_json(hasty, INFER)[0] == 504
            assert gateways[1].metric("trellis_requests_total", version="v2", code="504") == 1
            assert gateways[1].metric("trellis_ejections_total") == 0
            assert slow.result()[0] == 200
        assert post_json(hasty, INFER)[1]["x-cache"] == "hit"
    finally:
        stopped = [gateway.stop() for gateway in gateways if gateway.child is not None]
    assert stopped == [0, 0]

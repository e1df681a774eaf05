"""The promises to a caller, on real Redis of both versions."""

import asyncio
import json

import pytest
from redis import Redis

from tests.integration.gateway.cache.conftest import Model, Start, until
from tests.integration.redis_server import RedisServer
from tests.unit.gateway.cache.targets import asked, target_of
from trellis.gateway.cache import prediction_cache
from trellis.gateway.cache.answer import CachedAnswer
from trellis.gateway.cache.answer_id import without_id
from trellis.gateway.errors import UpstreamBroke


def number(answer: tuple[CachedAnswer, str]) -> int:
    found: int = json.loads(answer[0].body)["number"]
    return found


async def test_the_second_equal_request_is_answered_from_the_cache(
    each_redis_server: RedisServer, replicas: Start
) -> None:
    replica, model = await replicas(each_redis_server), Model()
    first, one = await replica.ask("a leaf", model.compute)
    second, other = await replica.ask("a leaf", model.compute)
    assert (one, other) == ("miss", "hit")
    assert first.body == second.body
    assert second.header(b"content-type") == b"application/json"
    assert second.header(b"server-timing") is None
    assert second.header(b"x-model-revision") == b"r1"
    assert second.header(b"x-model-fingerprint") == b"sha256:1"
    assert second.header(b"content-length") == str(len(second.body)).encode()
    assert (replica.count("hits"), replica.count("misses")) == (1, 1)


async def test_another_replica_has_it_too(each_redis_server: RedisServer, replicas: Start) -> None:
    model = Model()
    await (await replicas(each_redis_server)).ask("a leaf", model.compute)
    _, outcome = await (await replicas(each_redis_server)).ask("a leaf", model.compute)
    assert outcome == "hit"
    assert model.computed == 1


async def test_another_version_another_fingerprint_and_no_fingerprint_compute(
    redis_server: RedisServer, replicas: Start
) -> None:
    replica, model, other = await replicas(redis_server), Model(), Model("v2")
    await replica.ask("a leaf", model.compute)
    answer, outcome = await replica.ask("a leaf", other.compute, target_of(version="v2"))
    assert (outcome, json.loads(answer.body)["model_version"]) == ("miss", "v2")
    changed = target_of(fingerprint="sha256:2")
    assert (await replica.ask("a leaf", model.compute, changed))[1] == "miss"
    assert replica.key("a leaf", target_of(fingerprint="")) is None


async def test_of_pods_that_differ_only_those_of_the_arms_fingerprint_fill_the_cache(
    redis_server: RedisServer, replicas: Start
) -> None:
    """A folder was published anew in place: a new process answers before the table says so."""
    replica, old, new = await replicas(redis_server), Model(), Model(fingerprint="sha256:2")
    asked = [new, new, old, new]
    outcomes = [(await replica.ask("a leaf", model.compute))[1] for model in asked]
    assert outcomes == ["miss", "miss", "miss", "hit"]
    changed = target_of(fingerprint="sha256:2")
    outcomes = [(await replica.ask("a leaf", new.compute, changed))[1] for _ in range(2)]
    assert outcomes == ["miss", "hit"]


async def test_a_route_says_how_long_and_zero_is_not_at_all(
    each_redis_server: RedisServer, replicas: Start, prefix: str
) -> None:
    replica, model = await replicas(each_redis_server), Model()
    assert replica.key("a leaf", seconds=0) is None
    await replica.ask("a leaf", model.compute, seconds=1000)
    await replica.ask("a flower", model.compute)
    with Redis.from_url(each_redis_server.url) as redis:
        left = sorted(redis.ttl(name) for name in redis.scan_iter(f"{prefix}:cache:*"))
    # A busy machine may look late, and never early.
    assert 1 <= left[0] <= 60
    assert 60 < left[1] <= 1000


async def test_an_answer_is_forgotten_when_its_time_is_up(
    each_redis_server: RedisServer, replicas: Start, prefix: str
) -> None:
    replica, model = await replicas(each_redis_server), Model()
    await replica.ask("a leaf", model.compute, seconds=0.05)
    with Redis.from_url(each_redis_server.url) as redis:
        await until(lambda: not list(redis.scan_iter(f"{prefix}:cache:*")))
    assert (await replica.ask("a leaf", model.compute))[1] == "miss"
    assert model.computed == 2


@pytest.mark.parametrize("status", [400, 422, 500, 503])
async def test_an_error_is_never_kept_nor_shared(
    status: int, redis_server: RedisServer, replicas: Start, prefix: str
) -> None:
    replica, model = await replicas(redis_server), Model(status=status)
    model.may_end.clear()
    asking = [asyncio.create_task(replica.ask("a leaf", model.compute)) for _ in range(3)]
    await model.begun.wait()
    model.may_end.set()
    answers = await asyncio.gather(*asking)
    assert {answer.status for answer, _ in answers} == {status}
    assert [outcome for _, outcome in answers] == ["miss"] * 3
    assert sorted(number(answer) for answer in answers) == [1, 2, 3]
    with Redis.from_url(redis_server.url) as redis:
        assert not list(redis.scan_iter(f"{prefix}:cache:*"))
    well = Model()
    assert (await replica.ask("a leaf", well.compute))[1] == "miss"


async def test_a_failure_is_its_own_callers_and_leaves_no_lease(
    redis_server: RedisServer, replicas: Start, prefix: str
) -> None:
    replica, model = await replicas(redis_server), Model()

    async def broken() -> CachedAnswer:
        model.begun.set()
        await model.may_end.wait()
        raise UpstreamBroke("closed")

    model.may_end.clear()
    first = asyncio.create_task(replica.ask("a leaf", broken))
    await model.begun.wait()
    well = Model()
    second = asyncio.create_task(replica.ask("a leaf", well.compute))
    await asyncio.sleep(0)
    model.may_end.set()
    with pytest.raises(UpstreamBroke):
        await first
    assert (await second)[1] == "miss"
    with Redis.from_url(redis_server.url) as redis:
        assert not list(redis.scan_iter(f"{prefix}:cache:*"))


async def test_what_is_too_large_is_answered_and_not_kept(
    redis_server: RedisServer, replicas: Start
) -> None:
    replica, model = await replicas(redis_server, limit=10), Model()
    assert [(await replica.ask("a leaf", model.compute))[1] for _ in range(2)] == ["miss"] * 2


async def test_an_answer_of_another_version_than_the_tables_is_not_kept(
    redis_server: RedisServer, replicas: Start
) -> None:
    """A tag host may lead elsewhere before the table says so."""
    replica, moved, model = await replicas(redis_server), Model("v2"), Model()
    await replica.ask("a leaf", moved.compute)
    answer, outcome = await replica.ask("a leaf", model.compute)
    assert (outcome, json.loads(answer.body)["model_version"]) == ("miss", "v1")


async def test_each_caller_gets_the_id_it_gave_and_else_its_request_id(
    redis_server: RedisServer, replicas: Start
) -> None:
    replica, model = await replicas(redis_server), Model()
    target = target_of()

    async def id_of(body: bytes, request_id: str) -> tuple[str, str]:
        key = replica.cache.key(target, asked(body), request_id, None)
        assert key is not None
        answer, outcome = await replica.cache.answer(target, key, model.compute)
        return json.loads(answer.body)["id"], outcome

    assert await id_of(b'{"id": "mine", "inputs": []}', "r1") == ("mine", "miss")
    assert await id_of(b'{"inputs": [], "id": "yours"}', "r2") == ("yours", "hit")
    assert await id_of(b'{"inputs": []}', "r3") == ("r3", "hit")
    assert model.computed == 1


async def test_a_computation_that_fails_is_a_miss(
    redis_server: RedisServer, replicas: Start
) -> None:
    replica = await replicas(redis_server)

    async def broken() -> CachedAnswer:
        raise UpstreamBroke("closed")

    with pytest.raises(UpstreamBroke):
        await replica.ask("a leaf", broken)
    assert (replica.count("hits"), replica.count("misses")) == (0, 1)


@pytest.mark.parametrize("kind", ["v1", "v2"])
@pytest.mark.parametrize("holds", [{}, {"error": "odd"}, {"outputs": {}, "predictions": "x"}])
async def test_a_200_that_is_no_prediction_is_not_kept(
    holds: dict[str, object], kind: str, redis_server: RedisServer, replicas: Start
) -> None:
    replica, model = await replicas(redis_server), Model()
    model.holds = holds
    key = replica.key("a leaf", kind=kind)
    assert key is not None
    for number in (1, 2):
        answer, outcome = await replica.cache.answer(target_of(), key, model.compute)
        assert (outcome, json.loads(answer.body)["number"]) == ("miss", number)


async def test_an_answer_is_read_once_however_many_get_it(
    redis_server: RedisServer, replicas: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[CachedAnswer] = []

    def counted(answer: CachedAnswer) -> CachedAnswer | None:
        read.append(answer)
        return without_id(answer)

    monkeypatch.setattr(prediction_cache, "without_id", counted)
    replica, model = await replicas(redis_server), Model()
    key = replica.key("a leaf", kind="v2")
    assert key is not None
    for _ in range(3):
        await replica.cache.answer(target_of(), key, model.compute)
    assert len(read) == 1

"""One computation for a key at a time: in a process, and across replicas by a lease in Redis."""

import asyncio

import pytest
from redis import Redis

from tests.integration.gateway.cache.conftest import Model, Replica, Start, until
from tests.integration.redis_server import RedisServer


def keys(server: RedisServer, prefix: str) -> list[bytes]:
    with Redis.from_url(server.url) as redis:
        return list(redis.scan_iter(f"{prefix}:cache:*"))


async def test_equal_requests_at_once_are_computed_once_across_replicas(
    each_redis_server: RedisServer, replicas: Start
) -> None:
    three = [await replicas(each_redis_server) for _ in range(3)]
    model = Model()
    model.may_end.clear()
    asking = [
        asyncio.create_task(replica.ask("a leaf", model.compute))
        for replica in three
        for _ in range(20)
    ]
    await model.begun.wait()
    model.may_end.set()
    outcomes = [outcome for _, outcome in await asyncio.gather(*asking)]
    assert model.computed == 1
    assert sorted(outcomes) == ["hit"] * 59 + ["miss"]
    assert sum(replica.count("misses") for replica in three) == 1


async def test_a_caller_that_leaves_does_not_end_the_others_computation(
    redis_server: RedisServer, replicas: Start
) -> None:
    replica, model = await replicas(redis_server), Model()
    model.may_end.clear()
    first = asyncio.create_task(replica.ask("a leaf", model.compute))
    await model.begun.wait()
    second = asyncio.create_task(replica.ask("a leaf", model.compute))
    joined = replica.cache._flights._flights
    await until(lambda: [flight.waiting for flight in joined.values()] == [2])
    first.cancel()
    await asyncio.wait({first})
    model.may_end.set()
    assert (await second)[1] == "hit"
    assert (model.computed, model.cancelled) == (1, 0)


async def test_when_all_callers_leave_the_computation_ends_and_the_lease_with_it(
    each_redis_server: RedisServer, replicas: Start, prefix: str
) -> None:
    replica, model = await replicas(each_redis_server), Model()
    model.may_end.clear()
    only = asyncio.create_task(replica.ask("a leaf", model.compute))
    await model.begun.wait()
    assert len(keys(each_redis_server, prefix)) == 1
    only.cancel()
    await asyncio.wait({only})
    await until(lambda: not keys(each_redis_server, prefix))
    assert model.cancelled == 1


async def test_the_lease_of_a_replica_that_died_runs_out(
    each_redis_server: RedisServer, replicas: Start, prefix: str
) -> None:
    replica, model = await replicas(each_redis_server, lease_seconds=0.3), Model()
    key = replica.key("a leaf")
    assert key is not None
    with Redis.from_url(each_redis_server.url) as redis:
        redis.set(f"{prefix}:cache:{key.digest.hex()}", b"lease:of a dead one", px=300)
    assert (await replica.ask("a leaf", model.compute))[1] == "miss"
    assert model.computed == 1


async def test_a_lease_is_renewed_while_its_replica_computes(
    each_redis_server: RedisServer, replicas: Start, prefix: str
) -> None:
    slow, other = [await replicas(each_redis_server, lease_seconds=1.0) for _ in range(2)]
    model, eager = Model(), Model()
    model.may_end.clear()
    computing = asyncio.create_task(slow.ask("a leaf", model.compute))
    await model.begun.wait()
    waiting = asyncio.create_task(other.ask("a leaf", eager.compute))
    await asyncio.sleep(2.5)  # two and a half leases long: what is tested is that they pass
    assert len(keys(each_redis_server, prefix)) == 1
    model.may_end.set()
    assert [(await task)[1] for task in (computing, waiting)] == ["miss", "hit"]
    assert eager.computed == 0


async def test_nobody_waits_for_another_replica_longer_than_the_bound(
    redis_server: RedisServer, replicas: Start
) -> None:
    hung, other = await replicas(redis_server), await replicas(redis_server, wait_seconds=0.1)
    model, well = Model(), Model()
    model.may_end.clear()
    computing = asyncio.create_task(hung.ask("a leaf", model.compute))
    await model.begun.wait()
    assert (await other.ask("a leaf", well.compute))[1] == "miss"
    assert well.computed == 1
    assert (await other.ask("a leaf", well.compute))[1] == "hit"
    model.may_end.set()
    await computing


async def test_a_replica_that_comes_late_ends_no_lease_but_its_own(
    each_redis_server: RedisServer, replicas: Start, prefix: str
) -> None:
    late: Replica = await replicas(each_redis_server)
    model = Model(status=503)
    model.may_end.clear()
    computing = asyncio.create_task(late.ask("a leaf", model.compute))
    await model.begun.wait()
    (name,) = keys(each_redis_server, prefix)
    with Redis.from_url(each_redis_server.url) as redis:
        redis.set(name, b"lease:of another", px=60_000)
        model.may_end.set()
        await computing
        assert redis.get(name) == b"lease:of another"


@pytest.mark.parametrize(
    "rubbish", [b"", b"TC1", b"TC1" + bytes(200), b"\xff" * 50], ids=["empty", "short", "nul", "ff"]
)
async def test_rubbish_under_a_key_is_computed_over(
    rubbish: bytes, redis_server: RedisServer, replicas: Start, prefix: str
) -> None:
    replica, model = await replicas(redis_server), Model()
    key = replica.key("a leaf")
    assert key is not None
    with Redis.from_url(redis_server.url) as redis:
        redis.set(f"{prefix}:cache:{key.digest.hex()}", rubbish)
    assert (await replica.ask("a leaf", model.compute))[1] == "miss"
    assert (await replica.ask("a leaf", model.compute))[1] == "hit"


async def test_a_key_of_another_type_is_computed_each_time(
    redis_server: RedisServer, replicas: Start, prefix: str
) -> None:
    replica, model = await replicas(redis_server), Model()
    key = replica.key("a leaf")
    assert key is not None
    with Redis.from_url(redis_server.url) as redis:
        redis.rpush(f"{prefix}:cache:{key.digest.hex()}", b"a list")
    assert (await replica.ask("a leaf", model.compute))[1] == "miss"
    assert replica.breaker.closed

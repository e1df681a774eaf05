"""Two gateway processes and one Redis: keys and limits as programs meet them."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.gateway.access.doors import id_of, key_store, make_key
from tests.integration.gateway.processes import Answer, FakeUpstream, Gateway, get, table_of
from tests.integration.redis_server import RedisServer

INFER = "/v2/models/squares"


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeUpstream]:
    running = FakeUpstream("v1", tmp_path_factory.mktemp("upstream"))
    running.up()
    yield running
    running.stop()


@pytest.fixture
def replicas(
    tmp_path: Path, upstream: FakeUpstream, redis_server: RedisServer, prefix: str
) -> Iterator[list[Gateway]]:
    table = table_of({"squares": [upstream.arm(intervals=[[0, 1]])]})
    started = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        started.append(
            Gateway(folder, table, auth="keys", redis_url=redis_server.url, redis_prefix=prefix)
        )
    for gateway in started:
        gateway.up()
    yield started
    for gateway in started:
        gateway.stop()


def made(server: RedisServer, prefix: str, **fields: Any) -> str:
    async def make() -> str:
        async with key_store(server, prefix) as store:
            return await make_key(store, **fields)

    return asyncio.run(make())


def revoke(server: RedisServer, prefix: str, key: str) -> None:
    async def end() -> None:
        async with key_store(server, prefix) as store:
            assert await store.revoke(id_of(key))

    asyncio.run(end())


def asked(gateway: Gateway, key: str) -> Answer:
    return get(f"{gateway.url}{INFER}", {"authorization": f"Bearer {key}"})


def test_a_key_is_good_at_both_until_a_second_after_it_is_revoked(
    replicas: list[Gateway], redis_server: RedisServer, prefix: str
) -> None:
    key, other = made(redis_server, prefix), made(redis_server, prefix)
    assert [asked(gateway, key)[0] for gateway in replicas] == [200, 200]
    revoke(redis_server, prefix, key)
    time.sleep(1)  # the promise is a time: until then it may be let in
    for gateway in replicas:
        status, headers, body = asked(gateway, key)
        assert status == 401
        assert headers["www-authenticate"] == 'Bearer error="invalid_token"'
        assert body == b'{"error":"the API key %s is revoked"}' % id_of(key).encode()
        assert asked(gateway, other)[0] == 200


def test_a_limit_holds_over_both(
    replicas: list[Gateway], redis_server: RedisServer, prefix: str
) -> None:
    key = made(redis_server, prefix, rate=0.01, burst=12)
    answers = [asked(gateway, key) for _ in range(10) for gateway in replicas]
    assert sorted(status for status, _, _ in answers) == [200] * 12 + [429] * 8
    let_in = [headers for status, headers, _ in answers if status == 200]
    assert [headers["ratelimit-remaining"] for headers in let_in[:2]] == ["11", "10"]
    refused = next(headers for status, headers, _ in answers if status == 429)
    assert refused["ratelimit-limit"] == "12"
    assert refused["ratelimit-remaining"] == "0"
    assert 1 <= int(refused["retry-after"]) <= 100


def test_uses_are_noted_when_a_process_ends(
    replicas: list[Gateway], redis_server: RedisServer, prefix: str
) -> None:
    key = made(redis_server, prefix)
    assert asked(replicas[0], key)[0] == 200
    assert replicas[0].stop() == 0
    replicas[0].up()

    async def last_used() -> float | None:
        async with key_store(redis_server, prefix) as store:
            found = (await store.look(id_of(key))).key
        return None if found is None else found.last_used_at

    assert asyncio.run(last_used()) is not None

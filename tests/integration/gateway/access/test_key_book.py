"""The book's promises by a clock of the test, so that no machine is too slow for them."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from tests.integration.gateway.access.doors import client, id_of, make_key, until
from tests.integration.redis_server import RedisServer
from trellis.gateway.access import key_book
from trellis.gateway.access.key_book import FRESH_SECONDS, KeyBook
from trellis.gateway.access.key_store import KeyStore
from trellis.gateway.access.link import Link
from trellis.telemetry.metrics import GatewayMetrics


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def book(redis_server: RedisServer, prefix: str, clock: Clock) -> AsyncIterator[KeyBook]:
    async with client(redis_server) as redis:
        link = Link(redis, GatewayMetrics(CollectorRegistry()))
        yield KeyBook(KeyStore(redis, prefix), link, clock)


async def commands(server: RedisServer) -> int:
    """How many scripts this Redis has run."""
    async with client(server) as redis:
        stats = await redis.info("commandstats")
    return int(stats.get("cmdstat_evalsha", {}).get("calls", 0))


async def test_a_known_key_is_found_without_redis(
    book: KeyBook, store: KeyStore, redis_server: RedisServer, clock: Clock
) -> None:
    key_id = id_of(await make_key(store))
    assert not book.seen(key_id)
    assert await book.find(key_id) is not None
    before = await commands(redis_server)
    clock.time += FRESH_SECONDS * 0.99
    assert await book.find(key_id) is not None
    assert await commands(redis_server) == before
    assert book.seen(key_id)


async def test_a_revoked_key_is_known_to_be_when_the_mark_is_no_longer_fresh(
    book: KeyBook, store: KeyStore, clock: Clock
) -> None:
    key_id = id_of(await make_key(store))
    await book.find(key_id)
    await store.revoke(key_id)
    clock.time += FRESH_SECONDS
    found = await book.find(key_id)
    assert found is not None
    assert found.state(book.now) == "revoked"


async def test_a_look_for_another_key_makes_the_mark_fresh_and_a_revoked_key_stale(
    book: KeyBook, store: KeyStore, clock: Clock
) -> None:
    first, second = id_of(await make_key(store)), id_of(await make_key(store))
    await book.find(first)
    await store.revoke(first)
    clock.time += 0.001
    await book.find(second)
    found = await book.find(first)
    assert found is not None
    assert found.state(book.now) == "revoked"


async def test_an_unknown_id_is_asked_for_once_and_found_when_it_is_made(
    book: KeyBook, store: KeyStore, redis_server: RedisServer, clock: Clock
) -> None:
    assert await book.find("nobody") is None
    before = await commands(redis_server)
    assert await book.find("nobody") is None
    assert await commands(redis_server) == before
    text = await make_key(store)
    clock.time += FRESH_SECONDS
    assert await book.find(id_of(text)) is not None


async def test_an_emptied_redis_has_no_keys(
    book: KeyBook, store: KeyStore, redis_server: RedisServer, prefix: str, clock: Clock
) -> None:
    key_id = id_of(await make_key(store))
    assert await book.find(key_id) is not None
    async with client(redis_server) as redis:
        async for name in redis.scan_iter(f"{prefix}:*"):
            await redis.delete(name)
    clock.time += FRESH_SECONDS
    assert await book.find(key_id) is None
    assert not book.seen(key_id)


async def test_requests_of_one_moment_ask_once_and_survive_one_that_leaves(
    book: KeyBook, store: KeyStore, redis_server: RedisServer
) -> None:
    key_id = id_of(await make_key(store))
    before = await commands(redis_server)
    asking = [asyncio.create_task(book.find(key_id)) for _ in range(50)]
    await asyncio.sleep(0)
    asking[0].cancel()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert all(key is not None and not isinstance(key, BaseException) for key in found[1:])
    assert await commands(redis_server) == before + 1


async def test_the_oldest_are_forgotten_first(
    book: KeyBook, store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_book, "MOST_KEYS", 2)
    ids = [id_of(await make_key(store)) for _ in range(3)]
    for key_id in ids:
        await book.find(key_id)
    assert [book.seen(key_id) for key_id in ids] == [False, True, True]


async def test_time_is_that_of_redis(
    book: KeyBook, store: KeyStore, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    await book.find(id_of(await make_key(store)))
    async with client(redis_server) as redis:
        seconds, _ = await redis.time()
    assert abs(book.now - seconds) < 60


async def test_uses_are_written_when_the_process_ends(book: KeyBook, store: KeyStore) -> None:
    key_id = id_of(await make_key(store))
    running = asyncio.create_task(book.run())
    await book.find(key_id)
    book.used(key_id)
    running.cancel()
    await asyncio.wait([running])

    async def written() -> bool:
        key = (await store.look(key_id)).key
        return key is not None and key.last_used_at is not None

    await until(written)

"""Bad days of the Redis of keys and limits: killed, hung, emptied, full."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.gateway.access.doors import (
    client,
    door,
    id_of,
    key_store,
    make_key,
    until,
)
from tests.integration.redis_server import RedisServer
from trellis.gateway.access.key_book import FRESH_SECONDS
from trellis.gateway.access.key_store import KeyStore
from trellis.gateway.access.link import WAIT_SECONDS

ADMIN_KEY = "an-admin-key-of-the-tests-long-enough"


@pytest_asyncio.fixture
async def own_store(own_redis: RedisServer, prefix: str) -> AsyncIterator[KeyStore]:
    async with key_store(own_redis, prefix) as opened:
        yield opened


@pytest.mark.parametrize("how", ["killed", "hung"])
@pytest.mark.parametrize("limits_when_down", ["open", "closed"])
async def test_keys_never_fail_open_and_are_good_again_when_redis_is_back(
    own_redis: RedisServer, own_store: KeyStore, prefix: str, how: str, limits_when_down: str
) -> None:
    key = await make_key(own_store)
    async with door(
        own_redis, prefix, limits_when_down=limits_when_down, admin_key=ADMIN_KEY
    ) as opened:
        assert await opened.status(key) == 200
        own_redis.kill() if how == "killed" else own_redis.signal(signal.SIGSTOP)
        await asyncio.sleep(FRESH_SECONDS)  # so long a key that was just seen may be let in
        assert await opened.status(key) == 503
        assert await opened.status(f"tk_abcdefghijkl_{'0' * 64}") == 503
        assert await opened.status(None) == 401
        assert await opened.status(ADMIN_KEY) == 200
        assert opened.metric("trellis_access_refused_total", reason="down") == 2
        own_redis.start() if how == "killed" else own_redis.signal(signal.SIGCONT)

        async def good_again() -> bool:
            return await opened.status(key) == 200

        await until(good_again)


@pytest.mark.parametrize("turns", range(1, 5))
async def test_a_gateway_that_had_no_turn_itself_does_not_take_redis_for_late(
    own_redis: RedisServer, own_store: KeyStore, prefix: str, turns: int
) -> None:
    known, unknown = await make_key(own_store), await make_key(own_store)
    async with door(own_redis, prefix) as opened:
        assert await opened.status(known) == 200
        asking = asyncio.create_task(opened.status(unknown))
        for _ in range(turns):
            await asyncio.sleep(0)
        assert not asking.done()
        time.sleep(2 * WAIT_SECONDS)  # noqa: ASYNC251 - the whole process has no turn
        assert await asking == 200


async def test_while_redis_hangs_only_the_first_requests_wait(
    own_redis: RedisServer, own_store: KeyStore, prefix: str
) -> None:
    key = await make_key(own_store)
    async with door(own_redis, prefix) as opened:
        own_redis.signal(signal.SIGSTOP)
        assert await opened.status(key) == 503
        for _ in range(1000):
            entering = opened.status(key)
            with pytest.raises(StopIteration, match="503"):  # it ends without having waited
                entering.send(None)


@pytest.mark.parametrize(("limits_when_down", "status"), [("open", 200), ("closed", 503)])
async def test_limits_of_addresses_fail_as_set(
    own_redis: RedisServer, prefix: str, limits_when_down: str, status: int
) -> None:
    limits = {"address_rate": 0.01, "address_burst": 2, "limits_when_down": limits_when_down}
    async with door(own_redis, prefix, auth="open", **limits) as opened:
        own_redis.kill()
        assert await opened.status(None) == status
        assert opened.metric("trellis_limits_unchecked_total") == (status == 200)
        own_redis.start()

        async def counted_again() -> bool:
            return await opened.status(None) == 429

        await until(counted_again)


async def test_an_emptied_redis_refuses_every_key(
    own_redis: RedisServer, own_store: KeyStore, prefix: str
) -> None:
    key = await make_key(own_store)
    async with door(own_redis, prefix) as opened:
        assert await opened.status(key) == 200
        async with client(own_redis) as redis:
            await redis.flushall()
            await redis.script_flush()
        await asyncio.sleep(FRESH_SECONDS)
        assert await opened.status(key) == 401


async def test_a_key_made_after_redis_was_emptied_is_good(
    own_redis: RedisServer, own_store: KeyStore, prefix: str
) -> None:
    async with door(own_redis, prefix) as opened:
        assert await opened.status(await make_key(own_store)) == 200
        async with client(own_redis) as redis:
            await redis.flushall()
            await redis.script_flush()
        assert await opened.status(await make_key(own_store)) == 200


async def test_a_killed_redis_forgets_no_key_and_no_revocation(
    own_redis: RedisServer, own_store: KeyStore, prefix: str
) -> None:
    good, revoked = await make_key(own_store), await make_key(own_store)
    await own_store.revoke(id_of(revoked))
    own_redis.kill()
    own_redis.start()
    async with door(own_redis, prefix) as opened:
        assert await opened.status(good) == 200
        assert await opened.status(revoked) == 401


async def test_a_full_redis_still_knows_keys_and_limits_fail_as_set(
    own_redis: RedisServer, own_store: KeyStore, prefix: str
) -> None:
    key, other = await make_key(own_store), await make_key(own_store)
    async with client(own_redis) as redis:
        await redis.config_set("maxmemory", 1)
        await redis.config_set("maxmemory-policy", "noeviction")
    async with door(own_redis, prefix, limits_when_down="open") as opened:
        assert await opened.status(key) == 200
        assert opened.metric("trellis_limits_unchecked_total") == 1
        assert await opened.status(other) == 200
    assert opened.metric("trellis_circuit_open", circuit="access") == 0


async def test_a_block_that_is_on_its_way_at_the_end_is_no_failure(
    own_redis: RedisServer, prefix: str
) -> None:
    async with door(
        own_redis, prefix, auth="open", address_rate=1000, address_burst=1000
    ) as opened:
        await opened.admit(None)
        own_redis.signal(signal.SIGSTOP)
        for _ in range(95):  # of the block of a hundred: the next is asked for
            await opened.admit(None)
        await asyncio.sleep(0.05)
    own_redis.signal(signal.SIGCONT)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*left, return_exceptions=True)
    assert opened.metric("trellis_circuit_open", circuit="access") == 0

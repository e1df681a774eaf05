from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.gateway.access.doors import client, id_of, key_store, make_key
from tests.integration.redis_server import RedisServer
from trellis.gateway.access.key_store import KeyStore


@pytest_asyncio.fixture
async def each_store(each_redis_server: RedisServer, prefix: str) -> AsyncIterator[KeyStore]:
    async with key_store(each_redis_server, prefix) as opened:
        yield opened


async def test_a_key_is_found_by_its_id(each_store: KeyStore) -> None:
    text = await make_key(each_store, models=["tomato"], rate=5.0)
    look = await each_store.look(id_of(text))
    assert look.key is not None
    assert look.key.record.proves(text.rpartition("_")[2].encode())
    assert look.key.record.models == frozenset({"tomato"})
    assert look.key.state(look.now) == "good"


async def test_an_unknown_id_has_no_key(each_store: KeyStore) -> None:
    assert (await each_store.look("nobody")).key is None
    assert (await each_store.look()).mark is None


async def test_every_change_changes_the_mark(each_store: KeyStore) -> None:
    marks = [(await each_store.look()).mark]
    text = await make_key(each_store)
    marks.append((await each_store.look()).mark)
    await make_key(each_store)
    marks.append((await each_store.look()).mark)
    assert await each_store.revoke(id_of(text))
    marks.append((await each_store.look()).mark)
    assert len(set(marks)) == 4


async def test_a_revoked_key_stays_revoked_from_the_first_time(each_store: KeyStore) -> None:
    text = await make_key(each_store)
    assert await each_store.revoke(id_of(text))
    first = (await each_store.look(id_of(text))).key
    assert await each_store.revoke(id_of(text))
    again = (await each_store.look(id_of(text))).key
    assert first is not None
    assert again is not None
    assert again.state(0) == "revoked"
    assert again.revoked_at == first.revoked_at


async def test_who_was_never_made_cannot_be_revoked(each_store: KeyStore) -> None:
    before = (await each_store.look()).mark
    assert not await each_store.revoke("nobody")
    assert (await each_store.look()).mark == before


async def test_the_list_has_every_key_once(each_store: KeyStore) -> None:
    texts = [await make_key(each_store, created_at=float(at)) for at in (3, 1, 2)]
    listed = [key.record.id for key in await each_store.all()]
    assert listed == [id_of(texts[1]), id_of(texts[2]), id_of(texts[0])]


async def test_a_late_note_of_use_brings_no_key_back(
    each_store: KeyStore, each_redis_server: RedisServer, prefix: str
) -> None:
    kept, gone = await make_key(each_store), await make_key(each_store)
    async with client(each_redis_server) as redis:
        await redis.delete(f"{prefix}:{{keys}}:key:{id_of(gone)}")
        await each_store.used({id_of(kept): 7.25, id_of(gone): 7.25})
        assert not await redis.exists(f"{prefix}:{{keys}}:key:{id_of(gone)}")
    look = await each_store.look(id_of(kept))
    assert look.key is not None
    assert look.key.last_used_at == 7.25


@pytest.mark.parametrize("damage", ["{}", "not JSON"])
async def test_a_damaged_record_is_no_key(
    each_store: KeyStore, each_redis_server: RedisServer, prefix: str, damage: str
) -> None:
    text = await make_key(each_store)
    async with client(each_redis_server) as redis:
        await redis.hset(f"{prefix}:{{keys}}:key:{id_of(text)}", "record", damage)
    assert (await each_store.look(id_of(text))).key is None
    assert await each_store.all() == []


async def test_the_secret_is_nowhere_in_redis(
    each_store: KeyStore, each_redis_server: RedisServer, prefix: str
) -> None:
    text = await make_key(each_store)
    async with client(each_redis_server) as redis:
        everything = await redis.hgetall(f"{prefix}:{{keys}}:key:{id_of(text)}")
    assert everything
    assert text.rpartition("_")[2] not in repr(everything)

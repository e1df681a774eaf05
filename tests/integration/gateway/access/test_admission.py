import asyncio
import time
from typing import Any

import pytest

from tests.integration.gateway.access.doors import door, id_of, make_key, until
from tests.integration.redis_server import RedisServer
from trellis.gateway.access import admission
from trellis.gateway.access.bucket import Rate
from trellis.gateway.access.callers import ANYONE, STRANGER
from trellis.gateway.access.key_book import FRESH_SECONDS
from trellis.gateway.access.key_store import KeyStore
from trellis.gateway.errors import Forbidden, LimitExceeded, Unauthenticated

ADMIN_KEY = "an-admin-key-of-the-tests-long-enough"


async def test_open_mode_lets_everybody_in() -> None:
    async with door(None, "any", auth="open") as opened:
        admitted = await opened.access.admit(None, "192.0.2.1", "admin", None)
        assert admitted == (ANYONE, [])


async def test_open_mode_limits_by_address(redis_server: RedisServer, prefix: str) -> None:
    limits = {"address_rate": 0.01, "address_burst": 3}
    async with door(redis_server, prefix, auth="open", **limits) as opened:
        assert [await opened.status(None) for _ in range(4)] == [200, 200, 200, 429]
        assert await opened.status(None, "192.0.2.2") == 200
        assert dict(await opened.admit(None, "192.0.2.2"))[b"ratelimit-limit"] == b"3"
        assert opened.metric("trellis_access_refused_total", reason="limit") == 1


async def test_a_key_opens_its_scopes_and_models(
    redis_server: RedisServer, prefix: str, store: KeyStore
) -> None:
    key = await make_key(store, scopes=["infer"], models=["tomato", "lab-*"])
    async with door(redis_server, prefix) as opened:
        assert await opened.status(key, model="tomato") == 200
        assert await opened.status(key, model="lab-7") == 200
        assert await opened.status(key, model="sentiment") == 403
        assert await opened.status(key, scope="admin") == 403
        admitted = await opened.access.admit(key.encode(), "::1", "infer", "tomato")
        assert admitted.caller.key_id == id_of(key)
        assert admitted.caller.scopes == {"infer"}


@pytest.mark.parametrize("case", ["none", "malformed", "unknown", "secret", "basic"])
async def test_what_is_no_good_key_is_refused(
    redis_server: RedisServer, prefix: str, store: KeyStore, case: str
) -> None:
    key = await make_key(store)
    last = "0" if key[-1] != "0" else "1"
    shown = {
        "none": None,
        "malformed": b"Bearer tk_short",
        "unknown": b"Bearer tk_abcdefghijkl_" + b"0" * 64,
        "secret": f"Bearer {key[:-1]}{last}".encode(),
        "basic": b"Basic dXNlcjpwYXNz",
    }[case]
    async with door(redis_server, prefix) as opened:
        with pytest.raises(Unauthenticated) as refused:
            await opened.access.admit(shown, "192.0.2.1", "infer", "tomato")
        assert refused.value.status == 401
        assert refused.value.headers[0][0] == b"www-authenticate"
        assert key[16:] not in str(refused.value)
        assert opened.metric("trellis_access_refused_total", reason="unauthenticated") == 1


async def test_a_wrong_secret_and_an_unknown_id_read_the_same(
    redis_server: RedisServer, prefix: str, store: KeyStore
) -> None:
    key = await make_key(store)
    sentences = set()
    async with door(redis_server, prefix) as opened:
        for shown in (f"tk_{id_of(key)}_{'0' * 64}", f"tk_abcdefghijkl_{'0' * 64}"):
            with pytest.raises(Unauthenticated) as refused:
                await opened.admit(shown)
            sentences.add(str(refused.value))
    assert len(sentences) == 1


async def test_an_expired_key_is_refused_whatever_this_machines_clock_says(
    redis_server: RedisServer, prefix: str, store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = (await store.look()).now
    expired = await make_key(store, expires_at=now - 1)
    good = await make_key(store, expires_at=now + 3600)
    async with door(redis_server, prefix) as opened:
        for wall_clock in (0.0, now, now + 10**9):
            monkeypatch.setattr(time, "time", lambda at=wall_clock: at)
            with pytest.raises(Unauthenticated, match=f"{id_of(expired)} is expired"):
                await opened.admit(expired)
            assert await opened.status(good) == 200


async def test_a_revoked_key_is_refused_by_every_replica_within_a_second(
    redis_server: RedisServer, prefix: str, store: KeyStore
) -> None:
    key = await make_key(store)
    async with (
        door(redis_server, prefix) as first,
        door(redis_server, prefix) as second,
        door(redis_server, prefix) as third,
    ):
        replicas = (first, second, third)
        assert [await replica.status(key) for replica in replicas] == [200] * 3
        await store.revoke(id_of(key))
        await asyncio.sleep(FRESH_SECONDS)  # the promise is a time: until then it may be let in
        assert [await replica.status(key) for replica in replicas] == [401] * 3
        with pytest.raises(Unauthenticated, match="is revoked"):
            await first.admit(key)


async def test_an_idle_replica_learns_of_a_revocation_without_a_request(
    redis_server: RedisServer, prefix: str, store: KeyStore
) -> None:
    """The mark is followed beside the requests, so a known key never waits for it."""
    key = await make_key(store)
    async with door(redis_server, prefix) as opened:
        await opened.admit(key)
        await asyncio.sleep(2 * FRESH_SECONDS)
        entering = opened.access.admit(key.encode(), "192.0.2.1", "infer", "tomato")
        with pytest.raises(StopIteration):  # it ends without having been suspended
            entering.send(None)


async def test_a_key_has_its_own_rate(
    redis_server: RedisServer, prefix: str, store: KeyStore
) -> None:
    own = await make_key(store, rate=0.01, burst=2)
    free = await make_key(store, rate=0.0)
    usual = await make_key(store)
    limits = {"key_rate": 0.01, "key_burst": 3}
    async with door(redis_server, prefix, **limits) as opened:
        assert [await opened.status(own) for _ in range(3)] == [200, 200, 429]
        assert [await opened.status(usual) for _ in range(4)] == [200, 200, 200, 429]
        assert [await opened.status(free) for _ in range(20)] == [200] * 20
        assert await opened.admit(free) == []


async def test_a_limit_holds_over_replicas(
    redis_server: RedisServer, prefix: str, store: KeyStore
) -> None:
    key = await make_key(store, rate=0.01, burst=10)
    async with door(redis_server, prefix) as first, door(redis_server, prefix) as second:
        statuses = [await replica.status(key) for _ in range(10) for replica in (first, second)]
    assert statuses.count(200) == 10
    assert statuses.count(429) == 10


async def test_a_refusal_for_scope_takes_from_the_limit_as_any_request(
    redis_server: RedisServer, prefix: str, store: KeyStore
) -> None:
    key = await make_key(store, rate=0.01, burst=3)
    async with door(redis_server, prefix) as opened:
        assert await opened.status(key) == 200
        statuses = [await opened.status(key, scope="admin") for _ in range(3)]
        assert statuses == [403, 403, 429]


async def test_what_needs_no_key_is_bounded_by_address_and_knows_who_shows_one(
    redis_server: RedisServer, prefix: str, store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "STRANGERS_RATE", Rate(0.01, 3))
    key = await make_key(store, models=["tomato"])
    free: dict[str, Any] = {"scope": None, "model": None}
    async with door(redis_server, prefix) as opened:
        assert [await opened.status(None, **free) for _ in range(4)] == [200, 200, 200, 429]
        assert await opened.status(None, "192.0.2.2", **free) == 200
        assert await opened.status("tk_wrong", **free) == 401
        assert (await opened.access.admit(None, "192.0.2.3", None, None)).caller == STRANGER
        admitted = await opened.access.admit(key.encode(), "192.0.2.1", None, None)
        assert admitted.caller.key_id == id_of(key)
        assert admitted.caller.models == frozenset({"tomato"})
        assert opened.metric("trellis_access_refused_total", reason="limit") == 1


async def test_many_wrong_keys_are_damped_and_neighbours_with_a_known_key_are_not(
    redis_server: RedisServer, prefix: str, store: KeyStore
) -> None:
    good, other = await make_key(store), await make_key(store)
    async with door(redis_server, prefix) as opened:
        assert await opened.status(good) == 200
        wrong = [f"tk_{number:012}_{'0' * 64}" for number in range(60)]
        statuses = [await opened.status(key) for key in wrong]
        assert statuses[:50] == [401] * 50
        assert statuses[-5:] == [429] * 5
        with pytest.raises(LimitExceeded, match="wrong keys") as refused:
            await opened.admit(wrong[0])
        assert refused.value.retry_after >= 1
        assert await opened.status(good) == 200
        assert await opened.status(other) == 429
        assert await opened.status(other, "198.51.100.1") == 200
        assert await opened.status(wrong[0], "198.51.100.1") == 401


async def test_the_settings_key_opens_everything(redis_server: RedisServer, prefix: str) -> None:
    async with door(redis_server, prefix, admin_key=ADMIN_KEY) as opened:
        assert await opened.status(ADMIN_KEY, scope="admin") == 200
        assert await opened.status(ADMIN_KEY[:-1], scope="admin") == 401


async def test_the_settings_key_needs_no_redis_and_other_keys_are_unknown_without() -> None:
    async with door(None, "any", admin_key=ADMIN_KEY) as opened:
        assert await opened.status(ADMIN_KEY) == 200
        assert await opened.status(f"tk_abcdefghijkl_{'0' * 64}") == 401


async def test_a_key_is_last_used_when_it_was(
    redis_server: RedisServer, prefix: str, store: KeyStore
) -> None:
    key, idle = await make_key(store), await make_key(store)
    async with door(redis_server, prefix) as opened:
        await opened.admit(key)

    async def noted() -> bool:
        found = (await store.look(id_of(key))).key
        return found is not None and found.last_used_at is not None

    await until(noted)
    unused = (await store.look(id_of(idle))).key
    assert unused is not None
    assert unused.last_used_at is None


async def test_a_forbidden_request_names_the_key_and_not_the_secret(
    redis_server: RedisServer, prefix: str, store: KeyStore
) -> None:
    key = await make_key(store)
    async with door(redis_server, prefix) as opened:
        with pytest.raises(Forbidden, match=id_of(key)) as refused:
            await opened.admit(key, scope="admin")
    assert key[16:] not in str(refused.value)

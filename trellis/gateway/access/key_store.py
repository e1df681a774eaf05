"""API keys in Redis: a hash for each, a set of their ids, and a mark that changes with any change.

``<prefix>:{keys}:key:<id>`` holds ``record``, ``revoked_at`` and ``last_used_at``. The mark is
random, so that a Redis that was emptied and filled again never shows one that was seen before.
"""

import secrets
from collections.abc import Mapping
from typing import NamedTuple

from redis.asyncio import Redis

from trellis.gateway.access.keys import KeyRecord, StoredKey

_LOOK = """
local time = redis.call('TIME')
local found = {}
if KEYS[2] then
  found = redis.call('HMGET', KEYS[2], 'record', 'revoked_at', 'last_used_at')
end
return {redis.call('GET', KEYS[1]), time[1], found[1], found[2], found[3]}
"""
_REVOKE = """
if redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
redis.call('HSETNX', KEYS[2], 'revoked_at', redis.call('TIME')[1])
redis.call('SET', KEYS[1], ARGV[1])
return 1
"""
#: A key that is gone stays gone: its last use must not bring half of it back.
_USED = """
for i, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'last_used_at', ARGV[i]) end
end
"""


class Look(NamedTuple):
    """What Redis held at one moment; ``now`` is that moment by its clock, in seconds since 1970."""

    mark: bytes | None
    now: float
    key: StoredKey | None


class KeyStore:
    """All methods raise ``redis.RedisError`` and ``TimeoutError`` where Redis does not answer."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._root = f"{prefix}:{{keys}}"
        self._mark = f"{self._root}:mark"
        self._look = redis.register_script(_LOOK)
        self._revoke = redis.register_script(_REVOKE)
        self._used = redis.register_script(_USED)

    async def look(self, key_id: str | None = None) -> Look:
        """The mark, the time, and the key where one is asked for."""
        keys = [self._mark] if key_id is None else [self._mark, self._key(key_id)]
        # A nil ends a table in Lua, so the answer may be shorter than what was put in.
        answer = [*await self._look(keys=keys), None, None, None]
        mark, now, record, revoked_at, last_used_at = answer[:5]
        return Look(mark, float(now), StoredKey.read(record, revoked_at, last_used_at))

    async def create(self, record: KeyRecord) -> None:
        """Keep a new key."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(self._key(record.id), "record", record.model_dump_json())
            pipe.sadd(self._root, record.id)
            pipe.set(self._mark, secrets.token_hex(8))
            await pipe.execute()

    async def revoke(self, key_id: str) -> bool:
        """Make a key worthless; False where there is none."""
        done = await self._revoke(keys=[self._mark, self._key(key_id)], args=[secrets.token_hex(8)])
        return bool(done)

    async def all(self) -> list[StoredKey]:
        """Every key, the oldest first."""
        members = await self._redis.smembers(self._root)
        ids = [member.decode() for member in members if isinstance(member, bytes)]
        looks = [await self.look(key_id) for key_id in ids]
        found = [look.key for look in looks if look.key is not None]
        return sorted(found, key=lambda key: key.record.created_at)

    async def used(self, times: Mapping[str, float]) -> None:
        """Note when keys were last used, in seconds since 1970."""
        await self._used(keys=[self._key(key_id) for key_id in times], args=list(times.values()))

    def _key(self, key_id: str) -> str:
        return f"{self._root}:key:{key_id}"

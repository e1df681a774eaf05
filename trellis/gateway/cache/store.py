"""Answers and leases in Redis, one key for both.

Under a key lies nothing, an answer, or the lease of the replica that computes it now. So one
GET tells all three, and the answer takes the lease's place. A lease runs out by itself: a
replica that dies while computing holds the others up for no longer than that.
"""

import hashlib
import os
from typing import Literal

from redis.exceptions import NoScriptError, ResponseError

from trellis.gateway.cache.answer import CachedAnswer
from trellis.gateway.cache.framing import from_frame, to_frame
from trellis.gateway.cache.key import CacheKey
from trellis.gateway.cache.pipe import Pipe, RedisAway

_LEASE = b"lease:"

#: Both only where the lease is still one's own.
_RENEW = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end
return 0
"""
_RELEASE = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
return 0
"""
_DIGESTS = {
    script: hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
    for script in (_RENEW, _RELEASE)
}


class CacheStore:
    """What is kept under ``prefix``; leases last ``lease_seconds``.

    No method raises: a Redis that is away, full or holds rubbish has nothing and keeps nothing.
    """

    def __init__(self, pipe: Pipe, prefix: str, lease_seconds: float) -> None:
        self._pipe = pipe
        self._prefix = f"{prefix}:cache:"
        self._lease_ms = round(lease_seconds * 1000)

    async def get(self, key: CacheKey) -> CachedAnswer | Literal["leased"] | None:
        """The answer, ``leased`` where another replica computes it, or None."""
        try:
            value = await self._pipe.ask("GET", self._name(key))
        except (RedisAway, ResponseError):
            return None
        if not isinstance(value, bytes):
            return None
        if value.startswith(_LEASE):
            return "leased"
        return from_frame(key.digest, value)

    async def put(self, key: CacheKey, answer: CachedAnswer) -> bool:
        """Keep an answer for the key's seconds; tells whether Redis took it."""
        kept_ms = max(1, round(key.seconds * 1000))
        frame = to_frame(key.digest, answer)
        try:
            await self._pipe.ask("SET", self._name(key), frame, "PX", kept_ms)
        except (RedisAway, ResponseError):
            return False
        return True

    async def lease(self, key: CacheKey) -> bytes | None:
        """The lease's token where nothing lay under the key, else None."""
        token = _LEASE + os.urandom(16)
        try:
            taken = await self._pipe.ask("SET", self._name(key), token, "NX", "PX", self._lease_ms)
        except (RedisAway, ResponseError):
            return None
        return token if taken else None

    async def renew(self, key: CacheKey, token: bytes) -> None:
        """Let the lease last anew if it is still ours."""
        await self._run(_RENEW, key, token, self._lease_ms)

    async def release(self, key: CacheKey, token: bytes) -> None:
        """End the lease if it is still ours."""
        await self._run(_RELEASE, key, token)

    async def _run(self, script: str, key: CacheKey, *arguments: bytes | int) -> None:
        name = self._name(key)
        try:
            try:
                await self._pipe.ask("EVALSHA", _DIGESTS[script], 1, name, *arguments)
            except NoScriptError:
                await self._pipe.ask("EVAL", script, 1, name, *arguments)
        except (RedisAway, ResponseError):
            return

    def _name(self, key: CacheKey) -> str:
        return self._prefix + key.digest.hex()

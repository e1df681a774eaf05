"""Blocks of tokens leased from Redis, which counts for all replicas.

A bucket is a hash, ``<prefix>:{limit:<name>}``, with ``tokens`` and ``at``. Time is that of
Redis: where its clock jumps back nothing comes back for a moment, where it jumps forward the
bucket is at most full.
"""

from redis.asyncio import Redis

from trellis.gateway.access.bucket import Lease, Rate

_LEASE = """
local rate, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(kept[1]) or burst, tonumber(kept[2]) or now
tokens = math.min(burst, tokens + math.max(0, now - at) * rate)
local granted = math.min(wanted, math.floor(tokens))
tokens = tokens - granted
redis.call('HSET', KEYS[1], 'tokens', string.format('%.9f', tokens), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.min(math.ceil((burst - tokens) / rate * 1000) + 1000, 1e10))
return {granted, string.format('%.9f', tokens)}
"""


class Leases:
    """``take`` raises ``redis.RedisError`` and ``TimeoutError`` where Redis does not answer."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._prefix = prefix
        self._script = redis.register_script(_LEASE)

    async def take(self, name: str, rate: Rate, wanted: int) -> Lease:
        """Up to ``wanted`` tokens of the bucket ``name``."""
        granted, left = await self._script(
            keys=[f"{self._prefix}:{{limit:{name}}}"], args=[rate.per_second, rate.burst, wanted]
        )
        return Lease(granted, float(left))

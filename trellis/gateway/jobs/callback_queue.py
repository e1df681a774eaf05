"""Callbacks that are owed, kept in Redis until they are delivered or given up.

A sorted set has them by the moment each is due; the script that makes a job final adds it there,
so none is forgotten. Claiming moves that moment past the attempt's end: where the worker dies,
another one takes over.
"""

import hashlib
from typing import NamedTuple

from redis.asyncio import Redis

from trellis.gateway.jobs.keys import JobId, JobKeys
from trellis.gateway.jobs.pipe import Pipe
from trellis.gateway.jobs.scripts import Script


def _script(text: str) -> Script:
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


#: Each begins its writes with a removal, which a full Redis does not refuse.
#: The score is what a claim is known by: a job that finished again meanwhile (a replay) has
#: another one, and what was learnt about the earlier callback says nothing about it.
_CLAIM = _script("""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local claimed = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])) do
  local until_ms = now + ARGV[1]
  redis.call('ZREM', KEYS[1], id)
  redis.call('ZADD', KEYS[1], until_ms, id)
  local url = redis.call('HGET', ARGV[3] .. id, 'callback') or ''
  table.insert(claimed, {id, redis.call('HINCRBY', KEYS[2], id, 1), until_ms, url})
end
-- None was ever set this far ahead: the clock went back, and must not hold them.
local latest = now + ARGV[4]
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. latest, '+inf', 'LIMIT', 0, ARGV[2])) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('ZADD', KEYS[1], latest, id)
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return {first[2] and math.max(0, first[2] - now) or -1, redis.call('GET', KEYS[3]) or '', claimed}
""")
_SETTLE = _script("""
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1])) ~= tonumber(ARGV[2]) then
  return 0
end
redis.call('ZREM', KEYS[1], ARGV[1])
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  local time = redis.call('TIME')
  redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3], ARGV[1])
  redis.call('HINCRBY', KEYS[2], ARGV[1], ARGV[4])
end
return 1
""")


class Claim(NamedTuple):
    """One callback to attempt now; ``attempt`` counts from 1. ``url`` is empty where the job is gone."""

    job: JobId
    attempt: int
    until_ms: int
    url: str


class CallbackQueue:
    """Takes callbacks that are due. Every method raises ``JobsDown`` where Redis does not answer."""

    def __init__(self, redis: Redis, keys: JobKeys) -> None:
        self._jobs = keys.jobs
        self._pipe = Pipe(redis, (keys.callbacks, keys.callback_attempts, keys.epoch))

    async def claim(
        self, count: int, lease: float, longest_pause: float
    ) -> tuple[list[Claim], float | None]:
        """Up to ``count`` due callbacks, for ``lease`` seconds; and seconds until the next is due.

        The latter is None where none waits. No callback is due later than in ``longest_pause``
        seconds, at least ``lease``.
        """
        wait, epoch, claimed = await self._pipe.run(
            _CLAIM, round(lease * 1000), count, self._jobs, round(longest_pause * 1000)
        )
        claims = [
            Claim(JobId(epoch.decode(), name.decode()), attempt, until, url.decode())
            for name, attempt, until, url in claimed
        ]
        return claims, None if wait < 0 else wait / 1000

    async def done(self, claim: Claim) -> None:
        """It is delivered, or nobody wants it."""
        await self._pipe.run(_SETTLE, claim.job.name, claim.until_ms, "", 0)

    async def again(self, claim: Claim, seconds: float, *, counted: bool = True) -> None:
        """Attempt it again after ``seconds``; not ``counted`` where nothing was attempted."""
        pause, counts = round(seconds * 1000), 0 if counted else -1
        await self._pipe.run(_SETTLE, claim.job.name, claim.until_ms, pause, counts)

    async def settle(self) -> None:
        """Wait until all that was sent is answered; see ``Pipe.settle``."""
        await self._pipe.settle()

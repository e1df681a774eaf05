"""The scripts of those who hand in jobs and ask for them, and what all scripts share.

A job is a hash. It is in one place at a time: an entry of the stream (``entry`` names it), the
sorted set of delayed ones, or final. Only scripts change a job, each whole or not at all.

====================== ====================================================================
``state``              as in ``JobState``; between two attempts it is ``queued``
``token``, ``beat``    the running attempt's lease, and how often it was renewed
``due``                when it came to where a worker could take it, milliseconds
``deadline``           milliseconds; ``seconds`` is what it was given
``idempotency``        the key that lives as long as the job
====================== ====================================================================

Every script may be sent a second time by who has not seen its answer.

A Redis that is full takes a script's first write only from a command that cannot grow it; what
ends a job therefore begins with such a command, and frees the request's body.
"""

import hashlib
from typing import NamedTuple

from trellis.gateway.jobs.keys import GROUP
from trellis.gateway.jobs.records import BRIEF


class Script(NamedTuple):
    """Lua text and its SHA1 in hex, by which Redis knows it."""

    text: str
    sha: str


PRELUDE = f"""
local EPOCH, STREAM, UNFINISHED, DELAYED, DEAD, RECENT, CALLBACKS, JOBS, FINISHED, CANCELLED,
  CALLBACK_ATTEMPTS = unpack(KEYS)
local GROUP = '{GROUP}'

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function open(epoch)
  if redis.call('EXISTS', EPOCH) == 0 then
    redis.call('SET', EPOCH, epoch)
  end
  local made = redis.pcall('XGROUP', 'CREATE', STREAM, GROUP, '0', 'MKSTREAM')
  if made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then error(made.err) end
  return redis.call('GET', EPOCH)
end

local function done(entry)
  redis.call('XACK', STREAM, GROUP, entry)
end

local function queue(name)
  local entry = redis.call('XADD', STREAM, '*', 'job', name)
  redis.call('HSET', JOBS .. name, 'state', 'queued', 'entry', entry, 'token', '', 'due', clock())
end

local function close(name, state, keep)
  local job, now = JOBS .. name, clock()
  redis.call('EXPIRE', job, keep)
  redis.call('DECR', UNFINISHED)
  redis.call('HSET', job, 'state', state, 'finished', now)
  local more = redis.call('HMGET', job, 'idempotency', 'callback')
  if more[1] then redis.call('EXPIRE', more[1], keep) end
  if more[2] ~= '' then redis.call('ZADD', CALLBACKS, now, name) end
  redis.call('PUBLISH', FINISHED, name)
end

local function bury(name, keep, error)
  local now = clock()
  redis.call('ZREMRANGEBYSCORE', DEAD, '-inf', now - keep * 1000)
  redis.call('ZADD', DEAD, now, name)
  redis.call('HSET', JOBS .. name, 'error', error)
  close(name, 'dead', keep)
end
"""


def script(text: str) -> Script:
    """A script with the prelude before it."""
    whole = PRELUDE + text
    return Script(whole, hashlib.sha1(whole.encode(), usedforsecurity=False).hexdigest())


#: epoch → the store's epoch. Makes the store and the group where they are not.
OPEN = script("return open(ARGV[1])")

#: name, epoch, bound, recent kept, digest, idempotency key or '', seconds, then fields and values
#: → what came of it (created, known, conflict, full), epoch, name, state.
SUBMIT = script("""
local name, bound, kept, digest, idempotency = ARGV[1], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local job = JOBS .. name
local state = redis.call('HGET', job, 'state')
if state then return {'created', redis.call('GET', EPOCH), name, state} end
if idempotency ~= '' then
  local known = redis.call('HMGET', idempotency, 'job', 'digest')
  state = known[1] and redis.call('HGET', JOBS .. known[1], 'state')
  if state then
    return {known[2] == digest and 'known' or 'conflict', redis.call('GET', EPOCH), known[1], state}
  end
end
if tonumber(redis.call('GET', UNFINISHED) or 0) >= tonumber(bound) then
  return {'full', redis.call('GET', EPOCH) or '', name, ''}
end
-- Before anything of the job is written: what it cannot open, it leaves as it was.
local epoch = open(ARGV[2])
local now = clock()
redis.call('HSET', job, 'created', now, 'deadline', now + math.floor(ARGV[7] * 1000),
  'seconds', ARGV[7], 'attempts', 0, unpack(ARGV, 8))
redis.call('INCR', UNFINISHED)
queue(name)
if idempotency ~= '' then
  redis.call('DEL', idempotency)
  redis.call('HSET', idempotency, 'job', name, 'digest', digest)
  redis.call('HSET', job, 'idempotency', idempotency)
end
redis.call('LPUSH', RECENT, name)
redis.call('LTRIM', RECENT, 0, kept - 1)
return {'created', epoch, name, 'queued'}
""")

#: name, seconds that it is kept → 1 where that ended it.
CANCEL = script("""
local name, keep = ARGV[1], ARGV[2]
local job = JOBS .. name
local known = redis.call('HMGET', job, 'state', 'entry')
if known[1] == 'queued' then
  -- Its entry stays for whoever reads it, and finds nothing to run.
  redis.call('ZREM', DELAYED, name)
  redis.call('HDEL', job, 'body', 'headers')
  close(name, 'cancelled', keep)
elseif known[1] == 'running' then
  done(known[2])
  redis.call('HDEL', job, 'body', 'headers')
  close(name, 'cancelled', keep)
  redis.call('PUBLISH', CANCELLED, name)
else
  return 0
end
return 1
""")

#: name → 1, or 0 where no such job is dead.
REPLAY = script("""
local name = ARGV[1]
local job = JOBS .. name
local known = redis.call('HMGET', job, 'state', 'seconds', 'idempotency')
if known[1] ~= 'dead' then return 0 end
redis.call('PERSIST', job)
if known[3] then redis.call('PERSIST', known[3]) end
redis.call('ZREM', DEAD, name)
redis.call('ZREM', CALLBACKS, name)
redis.call('HDEL', CALLBACK_ATTEMPTS, name)
redis.call('HDEL', job, 'finished', 'started', 'status', 'answer_headers', 'answer', 'error')
redis.call('INCR', UNFINISHED)
redis.call('HSET', job, 'attempts', 0, 'deadline', clock() + math.floor(known[2] * 1000))
queue(name)
return 1
""")

#: → epoch or '', unfinished, taken, delayed, dead.
COUNTS = script("""
local pending = redis.pcall('XPENDING', STREAM, GROUP)
return {redis.call('GET', EPOCH) or '', tonumber(redis.call('GET', UNFINISHED) or 0),
  pending.err and 0 or pending[1], redis.call('ZCARD', DELAYED), redis.call('ZCARD', DEAD)}
""")

#: name, most bytes of an answer → the values of ``BRIEF``, the answer's length, the answer where
#: it is no longer than that.
READ = script(f"""
local job = JOBS .. ARGV[1]
local told = redis.call('HMGET', job, {", ".join(f"'{field}'" for field in BRIEF)})
local length = redis.call('HSTRLEN', job, 'answer')
told[{len(BRIEF) + 1}] = length
told[{len(BRIEF) + 2}] = length <= tonumber(ARGV[2]) and redis.call('HGET', job, 'answer')
return told
""")

#: seconds that a dead job is kept, milliseconds after which a worker without a sign of life and
#: without a job is forgotten. Removes those, and the entries that every reader is done with.
TRIM = script("""
redis.call('ZREMRANGEBYSCORE', DEAD, '-inf', clock() - ARGV[1] * 1000)
local pending = redis.pcall('XPENDING', STREAM, GROUP)
if pending.err then return 0 end
local oldest = pending[2]
if not oldest then
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', STREAM)) do
    for at = 1, #group, 2 do
      if group[at] == 'last-delivered-id' then oldest = group[at + 1] end
    end
  end
end
redis.call('XTRIM', STREAM, 'MINID', '=', oldest)
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', STREAM, GROUP)) do
  local told = {}
  for at = 1, #consumer, 2 do told[consumer[at]] = consumer[at + 1] end
  -- Should it live after all, its next read makes it known again.
  if told.pending == 0 and told.idle > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', STREAM, GROUP, told.name)
  end
end
return 1
""")

#: most to move, longest pause in milliseconds → how many were due and are in the stream now.
DUE = script("""
local now = clock()
local due = redis.call('ZRANGEBYSCORE', DELAYED, '-inf', now, 'LIMIT', 0, ARGV[1])
for _, name in ipairs(due) do
  redis.call('ZREM', DELAYED, name)
  queue(name)
end
-- None was ever set this far ahead: the clock went back, and must not hold them.
local latest = now + ARGV[2]
for _, name in ipairs(redis.call('ZRANGEBYSCORE', DELAYED, '(' .. latest, '+inf', 'LIMIT', 0, ARGV[1])) do
  redis.call('ZREM', DELAYED, name)
  redis.call('ZADD', DELAYED, latest, name)
end
return #due
""")

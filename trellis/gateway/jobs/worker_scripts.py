"""The scripts of the workers: every one of them checks the lease's token before it writes."""

from trellis.gateway.jobs.scripts import script

#: name, entry, token → nil where there is nothing to run, else method, path, headers, body,
#: model, version, caller, scopes, attempts, milliseconds to the deadline, milliseconds waited.
START = script("""
local name, entry, token = ARGV[1], ARGV[2], ARGV[3]
local job = JOBS .. name
local known = redis.call('HMGET', job, 'state', 'entry', 'token', 'deadline', 'due')
local now = clock()
if known[1] == 'queued' and known[2] == entry then
  redis.call('PERSIST', job)
  redis.call('HSET', job, 'state', 'running', 'token', token, 'beat', 0, 'started', now)
  redis.call('HINCRBY', job, 'attempts', 1)
elseif known[1] ~= 'running' or known[3] ~= token then
  done(entry)
  return false
end
local told = redis.call('HMGET', job, 'method', 'path', 'headers', 'body', 'model', 'version',
  'caller', 'scopes', 'attempts')
told[10] = known[4] - now
told[11] = math.max(0, now - known[5])
return told
""")

#: names and tokens in turn → names that are no longer held.
RENEW = script("""
local lost = {}
for at = 1, #ARGV, 2 do
  local job = JOBS .. ARGV[at]
  local known = redis.call('HMGET', job, 'state', 'token')
  if known[1] == 'running' and known[2] == ARGV[at + 1] then
    redis.call('PERSIST', job)
    redis.call('HINCRBY', job, 'beat', 1)
  else
    lost[#lost + 1] = ARGV[at]
  end
end
return lost
""")

#: name, token, state, seconds that it is kept, status, headers, body, error → 1, or 0 where the
#: lease is another's by now.
FINISH = script("""
local name, token = ARGV[1], ARGV[2]
local job = JOBS .. name
local known = redis.call('HMGET', job, 'state', 'token', 'entry')
if known[2] ~= token then return 0 end
if known[1] == ARGV[3] then return 1 end
if known[1] ~= 'running' then return 0 end
done(known[3])
redis.call('HDEL', job, 'body', 'headers', 'error')
redis.call('HSET', job, 'status', ARGV[5], 'answer_headers', ARGV[6], 'answer', ARGV[7])
if ARGV[8] ~= '' then redis.call('HSET', job, 'error', ARGV[8]) end
close(name, ARGV[3], ARGV[4])
return 1
""")

#: name, token, pause in milliseconds, attempts allowed, seconds that a dead job is kept, error,
#: then nothing or status, headers, body → what came of it: delayed, dead, fenced.
RETRY = script("""
local name, token, pause, error = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[6]
local job = JOBS .. name
local known = redis.call('HMGET', job, 'state', 'token', 'entry', 'attempts', 'deadline')
if known[2] ~= token then return 'fenced' end
if known[1] == 'dead' then return 'dead' end
if known[1] == 'queued' then return 'delayed' end
if known[1] ~= 'running' then return 'fenced' end
local now = clock()
done(known[3])
redis.call('HDEL', job, 'status', 'answer_headers', 'answer')
if ARGV[7] then
  redis.call('HSET', job, 'status', ARGV[7], 'answer_headers', ARGV[8], 'answer', ARGV[9])
end
if tonumber(known[4]) >= tonumber(ARGV[4]) or now + pause >= tonumber(known[5]) then
  bury(name, ARGV[5], error)
  return 'dead'
end
redis.call('HSET', job, 'state', 'queued', 'entry', '', 'error', error)
redis.call('ZADD', DELAYED, now + pause, name)
return 'delayed'
""")

#: name, token, entry or '' → 1, or 0 where the lease is another's by now. The attempt does not
#: count. With the entry, a start that has not come to pass never will: it names the old entry.
GIVE_BACK = script("""
local name, token, entry = ARGV[1], ARGV[2], ARGV[3]
local job = JOBS .. name
local known = redis.call('HMGET', job, 'state', 'token', 'entry')
local begun = known[1] == 'running' and known[2] == token
local unheard = entry ~= '' and known[1] == 'queued' and known[3] == entry
if not begun and not unheard then return 0 end
done(known[3])
if begun then redis.call('HINCRBY', job, 'attempts', -1) end
queue(name)
return 1
""")

#: first entry, most to tell → entry, consumer, deliveries, name, token, beat of each entry that
#: was read and not finished.
OBSERVE = script("""
local pending = redis.pcall('XPENDING', STREAM, GROUP, ARGV[1], '+', ARGV[2])
if pending.err then return {} end
local told = {}
for _, read in ipairs(pending) do
  local entry = redis.call('XRANGE', STREAM, read[1], read[1])[1]
  local name = entry and entry[2][2] or ''
  local lease = redis.call('HMGET', JOBS .. name, 'token', 'beat')
  told[#told + 1] = {read[1], read[2], read[4], name, lease[1] or '', lease[2] or ''}
end
return told
""")

#: entry, name, token, beat as they were observed, attempts allowed, seconds that a dead job is
#: kept, error → what came of it: queued, dead, alive, dropped.
TAKE = script("""
local entry, name = ARGV[1], ARGV[2]
local known = redis.call('HMGET', JOBS .. name, 'state', 'token', 'beat', 'entry', 'attempts')
if known[4] ~= entry or (known[1] ~= 'queued' and known[1] ~= 'running') then
  done(entry)
  return 'dropped'
end
if known[2] ~= ARGV[3] or (known[3] or '') ~= ARGV[4] then return 'alive' end
done(entry)
if known[1] == 'running' and tonumber(known[5]) >= tonumber(ARGV[5]) then
  redis.call('HSET', JOBS .. name, 'token', '')
  bury(name, ARGV[6], ARGV[7])
  return 'dead'
end
queue(name)
return 'queued'
""")

#: consumer → 1 where it was forgotten; one that still has entries is kept.
FORGET = script("""
for _, entry in ipairs(redis.pcall('XPENDING', STREAM, GROUP, '-', '+', 1, ARGV[1])) do
  return 0
end
redis.pcall('XGROUP', 'DELCONSUMER', STREAM, GROUP, ARGV[1])
return 1
""")

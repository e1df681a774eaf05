"""The events' Lua: a batch of exposures, and a batch of outcomes, each whole or not at all.

Redis refuses a script's first write when its memory is full, so nothing is half done.
"""

#: ``make_room(stream, needed, bound, group)``: whether ``needed`` more bytes fit into ``bound``.
#: What the group has read makes room; a stream that nobody reads is a history, and its oldest go.
_MAKE_ROOM = """
local function used(stream)
  return redis.call('MEMORY', 'USAGE', stream) or 0
end

local function first_unread(stream, name)
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local of = {}
    for at = 1, #group, 2 do of[group[at]] = group[at + 1] end
    if of['name'] == name then
      local unacknowledged = redis.call('XPENDING', stream, name)
      if unacknowledged[1] > 0 then return unacknowledged[2] end
      return of['last-delivered-id']
    end
  end
end

local function make_room(stream, bytes, bound, group)
  local needed = bytes + 4096 -- a stream is allocated by nodes of that size
  local before = used(stream)
  if before + needed <= bound then return true end
  if before == 0 then return false end
  local unread = first_unread(stream, group)
  if unread then
    redis.call('XTRIM', stream, 'MINID', unread)
  else
    -- Redis estimates a stream's size by a few of its nodes: the first cut may be too small.
    local kept = redis.call('XLEN', stream) * 0.9 * math.max(0, bound - needed) / before
    for _ = 1, 8 do
      redis.call('XTRIM', stream, 'MAXLEN', math.floor(kept))
      if used(stream) + needed <= bound then return true end
      kept = kept / 2
    end
  end
  return used(stream) + needed <= bound
end
"""

#: ``booked(slots)``: bytes of the request index that have not run out; ``book(slots, seconds,
#: bytes)``: as many more, for that long. A slot is a second; steps of powers of two keep them few.
_BOOK_BYTES = """
local now = tonumber(redis.call('TIME')[1])
local over = {}

local function booked(slots)
  local sum = 0
  local all = redis.call('HGETALL', slots)
  for at = 1, #all, 2 do
    if tonumber(all[at]) <= now then
      over[#over + 1] = all[at] -- removed with the first write, which a full Redis refuses
    else
      sum = sum + tonumber(all[at + 1])
    end
  end
  return sum
end

local function book(slots, seconds, bytes)
  for _, slot in ipairs(over) do redis.call('HDEL', slots, slot) end
  over = {}
  local step = 1
  while step * 128 < seconds do step = step * 2 end
  local slot = string.format('%.0f', math.ceil((now + seconds) / step) * step)
  redis.call('HINCRBY', slots, slot, bytes)
end
"""

#: KEYS: exposures, index-bytes, dropped, the writer. ARGV: the batch (``batch.py``) as JSON, its
#: bytes, the bound, the group, the batch's number, seconds that a writer and that counts are known,
#: the index's bound. Returns what became of it: ``written``; ``unjoined``, written but not in the
#: full request index; ``dropped``, for the stream is full; ``known``, for it was here already. What
#: is lost is counted.
WRITE_EXPOSURES = (
    _MAKE_ROOM
    + _BOOK_BYTES
    + """
if redis.call('GET', KEYS[4]) == ARGV[5] then return 'known' end
local batch = cjson.decode(ARGV[1])
local needed, bound = tonumber(ARGV[2]), tonumber(ARGV[3])
-- Before anything is written: a command that fails later would leave a half.
local good = true
for _, entry in ipairs(batch.entries) do
  local seconds = entry.window
  good = good and seconds >= 1 and seconds <= 2 ^ 31 and seconds % 1 == 0
end

redis.call('SET', KEYS[4], ARGV[5], 'EX', ARGV[6])

local function lose(losses, before)
  for field, count in pairs(losses) do
    redis.call('HINCRBY', KEYS[3], before .. field, count)
    redis.call('EXPIRE', KEYS[3], ARGV[7])
  end
end

lose(batch.dropped, '')
if not (good and make_room(KEYS[1], needed, bound, ARGV[4])) then
  lose(batch.ours, '')
  return 'dropped'
end
local joined = booked(KEYS[2]) + batch.index_bytes <= tonumber(ARGV[8])
if not joined then lose(batch.ours, 'joins:') end

for _, entry in ipairs(batch.entries) do
  redis.call('XADD', KEYS[1], '*', 'event', entry.event)
  if joined then
    redis.call('SET', entry.key, entry.joins, 'EX', entry.window)
    book(KEYS[2], entry.window, entry.bytes)
  end
end

for key, fields in pairs(batch.counts) do
  for field, count in pairs(fields) do redis.call('HINCRBY', key, field, count) end
  redis.call('EXPIRE', key, ARGV[7])
end
for key, versions in pairs(batch.versions) do
  for field, version in pairs(versions) do redis.call('HSET', key, field, version) end
end
for key, units in pairs(batch.units) do
  redis.call('PFADD', key, unpack(units))
  redis.call('EXPIRE', key, ARGV[7])
end
return joined and 'written' or 'unjoined'
"""
)

#: KEYS: outcomes, index-bytes. ARGV: the outcomes (``store.py``) as JSON, the bound, the group, what
#: counts' keys begin with, seconds that counts stay, the index's bound. Returns for each {status,
#: time, whether it is new}: 200, 404 where the request is not in the index, 409 where something else
#: was said, 503 where no room is.
RECORD_OUTCOMES = (
    _MAKE_ROOM
    + _BOOK_BYTES
    + """
local results = {}
local index_bytes = booked(KEYS[2])
for at, given in ipairs(cjson.decode(ARGV[1])) do
  local joins = redis.call('GET', given.index)
  local known = joins and redis.call('GET', given.marker)
  if not joins then
    results[at] = {404, '', 0}
  elseif known then
    local time, mark = known:match('^(%S+) (.*)$')
    results[at] = {mark == given.mark and 200 or 409, time, 0}
  else
    local event = '{' .. given.fields .. ',' .. joins .. '}'
    local exposure = cjson.decode('{' .. joins .. '}')
    local marker = given.time .. ' ' .. given.mark
    local bytes = #given.marker + #marker + given.index_overhead
    if index_bytes + bytes > tonumber(ARGV[6])
        or not make_room(KEYS[1], #event + given.overhead, tonumber(ARGV[2]), ARGV[3]) then
      results[at] = {503, '', 0}
    else
      local left = math.max(1, redis.call('PTTL', given.index))
      redis.call('XADD', KEYS[1], '*', 'event', event)
      redis.call('SET', given.marker, marker, 'PX', left)
      book(KEYS[2], math.ceil(left / 1000), bytes)
      index_bytes = index_bytes + bytes
      if exposure.experiment ~= cjson.null and not exposure.asked then
        local key = ARGV[4] .. exposure.experiment
        redis.call('HINCRBY', key, given.kind .. 's:' .. exposure.arm, given.count)
        if given.kind == 'score' then
          redis.call('HINCRBYFLOAT', key, 'score-sum:' .. exposure.arm, given.value)
        end
        redis.call('EXPIRE', key, ARGV[5])
      end
      results[at] = {200, given.time, 1}
    end
  end
end
return results
"""
)

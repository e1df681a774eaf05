"""The fold's Lua: what came of a batch together with its acknowledgement, whole or not at all.

Commands of Redis 6.2. Acknowledging comes before anything grows: a full Redis, which refuses a script's
first write that grows, still lets the readers make room.
"""

#: KEYS: the streams' two, then for each watch its state, units and ripening. ARGV: the group, the
#: consumer, a document {ids: [[...], [...]] by stream, watches: [{version, body, put: {unit: text},
#: gone: [units], ripening: {member: second}, ripened: [members]}]}, seconds that all is kept unchanged.
#: Returns ``done``; ``moved`` where an entry is no longer this consumer's, ``changed`` where a watch has
#: been changed since it was read: then nothing was done.
COMMIT = """
local group, consumer = ARGV[1], ARGV[2]
local document = cjson.decode(ARGV[3])

for stream = 1, 2 do
  for _, id in ipairs(document.ids[stream]) do
    local mine = redis.call('XPENDING', KEYS[stream], group, id, id, 1, consumer)
    if #mine == 0 then return 'moved' end
  end
end
for at, watch in ipairs(document.watches) do
  local version = redis.call('HGET', KEYS[3 * at], 'version') or '0'
  if version ~= watch.version then return 'changed' end
end

local function each(list, size, act)
  for from = 1, #list, size do act(unpack(list, from, math.min(#list, from + size - 1))) end
end

for stream = 1, 2 do
  each(document.ids[stream], 500, function(...) redis.call('XACK', KEYS[stream], group, ...) end)
end
for at, watch in ipairs(document.watches) do
  local state, units, ripening = KEYS[3 * at], KEYS[3 * at + 1], KEYS[3 * at + 2]
  each(watch.ripened, 500, function(...) redis.call('ZREM', ripening, ...) end)
  each(watch.gone, 500, function(...) redis.call('HDEL', units, ...) end)
  redis.call('HSET', state, 'body', watch.body, 'version', tostring(tonumber(watch.version) + 1))
  for unit, text in pairs(watch.put) do redis.call('HSET', units, unit, text) end
  for member, second in pairs(watch.ripening) do redis.call('ZADD', ripening, second, member) end
  for _, key in ipairs({state, units, ripening}) do redis.call('EXPIRE', key, ARGV[4]) end
end
return 'done'
"""

#: KEYS: the watches, the watch's state. ARGV: its name, its text, its era, what was lost before it began,
#: seconds that the state is kept. Returns 1; 0 where another of that era, or of a later one, is there.
WATCH = """
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if stored and stored ~= ARGV[2] then
  local readable, document = pcall(cjson.decode, stored)
  if readable and type(document) == 'table' and (tonumber(document.era) or -1) >= tonumber(ARGV[3]) then
    return 0
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSETNX', KEYS[2], 'lost', ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[5])
return 1
"""

#: KEYS: a stream. ARGV: the group, milliseconds. Removes consumers that have been idle for so long and
#: hold nothing.
FORGET_CONSUMERS = """
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local of = {}
  for at = 1, #consumer, 2 do of[consumer[at]] = consumer[at + 1] end
  if of['pending'] == 0 and of['idle'] > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], of['name'])
  end
end
"""

-- Shares until when the signals of places hold postures up. KEYS: places by the number of their last change, those instants, and
-- when this began with the number of the latest change. ARGV: now, the latest change that is known to who asks, how many to tell
-- at most, room, how far ahead of now only a broken clock puts an instant, how long all is kept, and then each place with its instants.

local CHANGED, HELD, STATE = KEYS[1], KEYS[2], KEYS[3]
local now, known, limit, room, broken, keep =
  tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local state = redis.call('HMGET', STATE, 'begun', 'latest')
-- Numbers begin at the time: after a loss they go on above what anybody has heard of.
local begun, latest = tonumber(state[1] or now), tonumber(state[2] or now)

local olds = {}
for at = 7, #ARGV, 2 do
  local place, new = ARGV[at], ARGV[at + 1]
  local old = redis.call('HGET', HELD, place)
  olds[#olds + 1] = old or ''
  local merged = new
  if old then
    local parts = {}
    for i = 1, #new, 8 do
      local mine, theirs = struct.unpack('>I8', new, i), struct.unpack('>I8', old, i)
      parts[#parts + 1] = struct.pack('>I8', theirs - now > broken and mine or math.max(mine, theirs))
    end
    merged = table.concat(parts)
  end
  if merged ~= old then
    latest = latest + 1
    redis.call('HSET', HELD, place, merged)
    redis.call('ZADD', CHANGED, latest, place)
  end
end
local over = redis.call('ZCARD', CHANGED) - room
if over > 0 then
  for _, place in ipairs(redis.call('ZRANGE', CHANGED, 0, over - 1)) do
    redis.call('ZREM', CHANGED, place)
    redis.call('HDEL', HELD, place)
  end
end
redis.call('HSET', STATE, 'begun', begun, 'latest', latest)
for _, key in ipairs(KEYS) do
  redis.call('PEXPIRE', key, keep)
end

local changes = redis.call('ZRANGEBYSCORE', CHANGED, '(' .. known, '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
local told = {}
for i = 1, #changes, 2 do
  told[#told + 1] = changes[i]
  told[#told + 1] = redis.call('HGET', HELD, changes[i])
  known = changes[i + 1]
end
return { begun, known, told, olds }

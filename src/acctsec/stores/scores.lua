-- Adds points to scores that halve as time passes. A sum counts in units of the half-life it has come to, see acctsec.attacks.decay.
-- KEYS: the places by what they are worth, and their sums. What a place is worth beside others never changes by time: it is the
-- logarithm of its sum, so the least worthy go first. ARGV: room, below what worth nothing is left, how far ahead only a broken
-- clock is, how long all is kept, and then of each place: its name, the half-life, the units, and the most.

local WORTH, SUMS = KEYS[1], KEYS[2]
local room, nothing, broken, keep = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4]

local function forget(places)
  for _, place in ipairs(places) do
    redis.call('ZREM', WORTH, place)
    redis.call('HDEL', SUMS, place)
  end
end

local function later(units, halves)
  return halves > 0 and math.floor(units / 2 ^ halves) or units
end

local sums = {}
for at = 5, #ARGV, 4 do
  local place, half, units, most = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local kept = redis.call('HGET', SUMS, place)
  local step, sum = half, 0
  if kept then
    step, sum = struct.unpack('>I8I8', kept)
    if step - half > broken then
      step = half
    end
    sum = later(sum, half - step)
    units, most = later(units, step - half), later(most, step - half)
    step = math.max(step, half)
  end
  sum = math.max(sum, math.min(sum + units, most))
  if sum > 0 then
    redis.call('HSET', SUMS, place, struct.pack('>I8I8', step, sum))
    redis.call('ZADD', WORTH, step + math.log(sum) / math.log(2), place)
  end
  sums[#sums + 1] = { step, sum }
end
-- A few more than came, so that what is worth nothing gets less and less.
forget(redis.call('ZRANGEBYSCORE', WORTH, '-inf', '(' .. nothing, 'LIMIT', 0, #ARGV))
local over = redis.call('ZCARD', WORTH) - room
if over > 0 then
  forget(redis.call('ZRANGE', WORTH, 0, over - 1))
end
redis.call('PEXPIRE', WORTH, keep)
redis.call('PEXPIRE', SUMS, keep)
return sums

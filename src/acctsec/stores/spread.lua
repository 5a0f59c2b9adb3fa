-- Notes which members keys touched, as acctsec.attacks.spread does: Space-Saving with a bitmap for each key.
-- KEYS: counts, slots and bitmaps of this window, slots and bitmaps of the one before. ARGV: room, bytes of a bitmap, from how
-- many members on a key is told, how long all is kept, and then each key with the bits of its members, two bytes for each.

local room, size, notable, keep = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local COUNTS, SLOTS, BITS, OLD_SLOTS, OLD_BITS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

local function place_of(key)
  local slot = redis.call('HGET', SLOTS, key)
  if slot then
    return tonumber(slot)
  end
  local count = 0
  slot = redis.call('HLEN', SLOTS)
  if slot >= room then
    local least = redis.call('ZPOPMIN', COUNTS)
    count = least[2]
    slot = tonumber(redis.call('HGET', SLOTS, least[1]))
    redis.call('HDEL', SLOTS, least[1])
    redis.call('SETRANGE', BITS, slot * size, string.rep('\0', size))
  end
  redis.call('HSET', SLOTS, key, slot)
  redis.call('ZADD', COUNTS, count, key)
  return slot
end

local function bitmap(bits, slot)
  local from, to = slot * size, slot * size + size - 1
  return redis.call('BITCOUNT', bits, from, to), from, to
end

local told = {}
for at = 5, #ARGV, 2 do
  local key, members, new = ARGV[at], ARGV[at + 1], 0
  local slot = place_of(key)
  for i = 1, #members, 2 do
    local bit = struct.unpack('>I2', members, i)
    new = new + 1 - redis.call('SETBIT', BITS, slot * size * 8 + bit, 1)
  end
  redis.call('ZINCRBY', COUNTS, new, key)
  local old = redis.call('HGET', OLD_SLOTS, key)
  local count, from, to = bitmap(BITS, slot)
  local old_count, old_from, old_to = 0, 0, 0
  if old then
    old_count, old_from, old_to = bitmap(OLD_BITS, tonumber(old))
  end
  local answer = { '', '' }
  if count + old_count >= notable then
    answer[1] = redis.call('GETRANGE', BITS, from, to)
    answer[2] = old and redis.call('GETRANGE', OLD_BITS, old_from, old_to) or ''
  end
  told[#told + 1] = answer
end
for i = 1, 3 do
  redis.call('PEXPIRE', KEYS[i], keep)
end
return told

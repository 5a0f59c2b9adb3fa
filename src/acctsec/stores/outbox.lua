-- The outbox of one shard. An id is its shard, its stamp and its number within the commit, so that ids sort by age.
--
--   entries  hash        id -> attempts, record key, entry; under 'last' the latest stamp; and under 'due' and an id that
--                        was brought back, the instant at which it was due
--   waiting  sorted set  id by stamp: to be handed out now
--   leased   sorted set  id by the instant at which it is due again
--   dead     sorted set  id by stamp: handed out too often, kept for people to look at
--   owners   sorted set  record key and id, all of one score: the entries of a key, found by their beginning

local ENTRIES, WAITING, LEASED, DEAD, OWNERS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local ID_BYTES = 14
local AT_ONCE = 1000
local ROUNDS = 10

local call, from, to = redis.call, struct.unpack, struct.pack

local function owner(key, id)
  return to('>I2', #key) .. key .. id
end

local function entry_of(id)
  local stored = call('HGET', ENTRIES, id)
  if not stored then
    return nil
  end
  local attempts, length, position = from('>BI2', stored)
  return { attempts = attempts, key = stored:sub(position, position + length - 1), entry = stored:sub(position + length) }
end

local function keep(id, one)
  call('HSET', ENTRIES, id, to('>BI2', one.attempts, #one.key) .. one.key .. one.entry)
end

local function remove(id, key)
  call('HDEL', ENTRIES, id, 'due' .. id)
  call('ZREM', WAITING, id)
  call('ZREM', LEASED, id)
  call('ZREM', DEAD, id)
  call('ZREM', OWNERS, owner(key, id))
end

local function stamp_of(id)
  return (from('>I8', id, 3))
end

-- What is due again waits in its old place, so the oldest is found first without walking through what is hidden.
local function bring_back(now)
  local found = call('ZRANGEBYSCORE', LEASED, '-inf', now, 'WITHSCORES', 'LIMIT', 0, AT_ONCE)
  for place = 1, #found, 2 do
    local id, due = found[place], found[place + 1]
    call('ZREM', LEASED, id)
    call('ZADD', WAITING, stamp_of(id), id)
    call('HSET', ENTRIES, 'due' .. id, due)
  end
end

-- The ids of the oldest that are due. Whoever looks at a clock that is behind must not be handed what one ahead of it
-- brought back: that goes where it was.
local function oldest_due(now, limit)
  local found
  for _ = 1, ROUNDS do
    found = {}
    local early = false
    for _, id in ipairs(call('ZRANGE', WAITING, 0, limit - 1)) do
      local due = call('HGET', ENTRIES, 'due' .. id)
      if due and tonumber(due) > now then
        early = true
        call('ZREM', WAITING, id)
        call('HDEL', ENTRIES, 'due' .. id)
        call('ZADD', LEASED, due, id)
      else
        found[#found + 1] = id
      end
    end
    if not early then
      break
    end
  end
  return found
end

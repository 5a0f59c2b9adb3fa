-- Adds digests to a sketch that forgets (KEYS: its state and two generations), and answers how often each was there before.
-- It mirrors acctsec.attacks.recent: a generation ends when it is old, or full.

local now, window, most, broken, keep, depth =
  tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local state = redis.call('HMGET', KEYS[1], 'begun', 'added', 'turn')
local begun, added, turn = tonumber(state[1] or now), tonumber(state[2] or 0), tonumber(state[3] or 0)
if begun - now > broken then
  begun = now
end

local function age()
  return now - begun
end

local function new_generation()
  if age() >= 2 * window then
    redis.call('DEL', KEYS[2], KEYS[3])
  end
  turn = 1 - turn
  redis.call('DEL', KEYS[2 + turn])
  begun, added = math.max(now, begun), 0
end

local before = {}
for at = 7, #ARGV, depth do
  if age() >= window or added >= most then
    new_generation()
  end
  local places = {}
  for row = 1, depth do
    places[row] = ARGV[at + row - 1]
  end
  local present = add(KEYS[2 + turn], places) - 1
  before[#before + 1] = present + count(KEYS[3 - turn], places)
  added = added + 1
end
redis.call('HSET', KEYS[1], 'begun', begun, 'added', added, 'turn', turn)
for _, key in ipairs(KEYS) do
  redis.call('PEXPIRE', key, keep)
end
return before

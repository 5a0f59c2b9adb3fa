-- Counts the failures of a tenant (KEYS[1]) in buckets, the present one last. ARGV: how many are kept beside it, how far ahead
-- only a broken clock is, how long all is kept, and then each bucket with its failures. Answers the present one, and all counts.

local buckets, broken, keep = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local kept = redis.call('GET', KEYS[1])
local present, counts = 0, ''
if kept then
  present, counts = struct.unpack('>I8', kept), string.sub(kept, 9)
end

for at = 4, #ARGV, 2 do
  local bucket, failures = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local passed = bucket - present
  if counts == '' or passed > buckets or -passed > broken then
    present, passed, counts = bucket, 0, struct.pack('>I4', 0)
  elseif passed > 0 then
    counts = string.sub(counts .. string.rep('\0', 4 * passed), -4 * (buckets + 1))
    present, passed = bucket, 0
  end
  local from = #counts + 4 * passed - 3
  if from >= 1 then
    local sum = math.min(struct.unpack('>I4', counts, from) + failures, 4294967295)
    counts = string.sub(counts, 1, from - 1) .. struct.pack('>I4', sum) .. string.sub(counts, from + 4)
  end
end
redis.call('SET', KEYS[1], struct.pack('>I8', present) .. counts, 'PX', keep)
return { present, counts }

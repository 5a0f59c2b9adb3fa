-- Hands out the oldest ARGV[2] entries that are due at the instant ARGV[1], and hides them for ARGV[3], doubled at each
-- attempt; the one handed out for the ARGV[4]th time is never handed out again.

local now, limit, lease, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

bring_back(ARGV[1])
local handed = {}
for _, id in ipairs(oldest_due(now, limit)) do
  local one = entry_of(id)
  call('ZREM', WAITING, id)
  call('HDEL', ENTRIES, 'due' .. id)
  if one then
    handed[#handed + 1] = { id, one.entry, one.attempts }
    local due = now + math.ldexp(lease, one.attempts)
    one.attempts = one.attempts + 1
    keep(id, one)
    if one.attempts >= most then
      call('ZADD', DEAD, stamp_of(id), id)
    else
      call('ZADD', LEASED, string.format('%.0f', due), id)
    end
  end
end
return handed

-- Makes the dead letters ARGV due now, in their old place, as if they had never been handed out; says how many were dead.

local revived = 0
for _, id in ipairs(ARGV) do
  local one = entry_of(id)
  if one and call('ZREM', DEAD, id) == 1 then
    one.attempts = 0
    keep(id, one)
    call('ZADD', WAITING, stamp_of(id), id)
    revived = revived + 1
  end
end
return revived

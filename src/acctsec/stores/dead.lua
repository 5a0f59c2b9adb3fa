-- At most ARGV[3] dead letters, in the order of their ids, from the stamp ARGV[1] and the number ARGV[2] within its commit on.

local stamp, number, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local function comes_before(id)
  return stamp_of(id) == stamp and from('>I4', id, 11) < number
end

local told, offset = {}, 0
repeat
  local ids = call('ZRANGEBYSCORE', DEAD, ARGV[1], '+inf', 'LIMIT', offset, limit)
  for _, id in ipairs(ids) do
    local one = #told < limit and not comes_before(id) and entry_of(id)
    if one then
      told[#told + 1] = { id, one.entry, one.attempts }
    end
  end
  offset = offset + limit
until #told >= limit or #ids < limit
return told

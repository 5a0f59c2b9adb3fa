-- Brings the record KEYS[6] from one version to another, or not, and appends to the outbox of its shard in the same step.
-- ARGV: what to do, the expected version, the new record with its version, the shard, the key, and the entries.

local RECORD = KEYS[6]
local wish, expected, record, shard, key = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

if wish == 'create' then
  if not call('SET', RECORD, record, 'NX') then
    return 0
  end
elseif wish ~= 'append' then
  if call('GETRANGE', RECORD, 0, #expected - 1) ~= expected then
    return 0
  end
  if wish == 'replace' then
    call('SET', RECORD, record)
  else
    call('DEL', RECORD)
    local beginning = '[' .. owner(key, '')
    for _, member in ipairs(call('ZRANGEBYLEX', OWNERS, beginning, beginning .. ('\255'):rep(ID_BYTES + 1))) do
      remove(member:sub(-ID_BYTES), key)
    end
  end
end

if #ARGV > 5 then
  local time = call('TIME')
  local stamp = math.max(time[1] * 1000000 + time[2], (call('HGET', ENTRIES, 'last') or 0) + 1)
  call('HSET', ENTRIES, 'last', string.format('%.0f', stamp))
  for i = 6, #ARGV do
    local id = shard .. to('>I8I4', stamp, i)
    keep(id, { attempts = 0, key = key, entry = ARGV[i] })
    call('ZADD', WAITING, stamp, id)
    call('ZADD', OWNERS, 0, owner(key, id))
  end
end
return 1

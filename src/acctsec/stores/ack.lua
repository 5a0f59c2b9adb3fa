-- Deletes the entries ARGV that were delivered.

for _, id in ipairs(ARGV) do
  local one = entry_of(id)
  if one then
    remove(id, one.key)
  end
end
return redis.status_reply('OK')

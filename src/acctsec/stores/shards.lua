-- Into how many shards the records under this namespace are split: fixed by whoever is first.

redis.call('SET', KEYS[1], ARGV[1], 'NX')
return tonumber(redis.call('GET', KEYS[1]))

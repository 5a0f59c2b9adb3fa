-- The record KEYS[1] with its version. A script, so that a replica refuses: what it has may be old.

-- WAIT waits for what its own connection wrote last, and so for all that anybody wrote before. Who reads and waits writes KEYS[2]
-- for this; to the replicas alone, so that the disk of the primary has nothing to do.
if KEYS[2] then
  redis.set_repl(redis.REPL_SLAVE)
  redis.call('SET', KEYS[2], '')
end
return redis.call('GET', KEYS[1])

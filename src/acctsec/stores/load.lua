-- The record KEYS[1] with its version. A script, so that a replica refuses: what it has may be old.

return redis.call('GET', KEYS[1])

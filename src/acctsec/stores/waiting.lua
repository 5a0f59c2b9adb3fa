-- How much is due at the instant ARGV[1], how much is hidden, how much is dead; and what has been due for the longest.

bring_back(ARGV[1])
local oldest = call('ZRANGE', WAITING, 0, 0)[1]
local one = oldest and entry_of(oldest)
return {
  call('ZCARD', WAITING) + call('ZCOUNT', LEASED, '-inf', ARGV[1]),
  call('ZCOUNT', LEASED, '(' .. ARGV[1], '+inf'),
  call('ZCARD', DEAD),
  one and oldest or '',
  one and one.entry or '',
}

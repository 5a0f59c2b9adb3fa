-- The ids of the oldest entries that are due at the instant ARGV[1], at most ARGV[2] of them.

bring_back(ARGV[1])
return call('ZRANGE', WAITING, 0, ARGV[2] - 1)

-- The ids of the oldest entries that are due at the instant ARGV[1], at most ARGV[2] of them.

bring_back(ARGV[1])
return oldest_due(tonumber(ARGV[1]), tonumber(ARGV[2]))

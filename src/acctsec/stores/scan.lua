-- Keys of records, from the cursor ARGV[2] on, that match ARGV[3]; about ARGV[4] are looked at. A cursor says nothing to any other
-- server than ARGV[1], nor to that one after it was started again: each scatters its keys by a secret of its own. So that begins
-- anew. KEYS are never there: two of them, so that a slot which is on its way to another server refuses instead of showing half.

local run = redis.call('INFO', 'server'):match('run_id:(%x+)')
local found = redis.call('SCAN', run == ARGV[1] and ARGV[2] or '0', 'MATCH', ARGV[3], 'COUNT', ARGV[4])
return { run, found[1], found[2] }

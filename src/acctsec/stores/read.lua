-- Reads the meters of each slot (KEYS): failures, reservations under way, and until when they rest.

local function read(at)
  local _, free, first, longest, stop, window, lease = from('>I8I8I8I8I8I8I8', ARGV[at + 1])
  return { meter = ARGV[at], free = free, first = first, longest = longest, stop = stop, window = window, lease = lease }
end

local answers = {}
for i, key in ipairs(KEYS) do
  local asked, tallies = asked_of(i, 2, read), {}
  local row = row_of(key, asked)
  for j, one in ipairs(asked) do
    local meter = opened(row[one.meter])
    wake(meter, one, now, 0, 0)
    local count = total(meter.failures)
    local ready = one.window ~= 0 and count >= one.stop and refill(meter, one) or meter.ready
    tallies[j] = { count, pending(meter), ready > now and ready or 0 }
  end
  answers[i] = tallies
end
return answers

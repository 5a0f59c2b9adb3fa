-- Reads the meters of each slot (KEYS): failures, reservations under way, until when they rest, and what failed.

local function read(at)
  local meter, _, free, first, longest, stop, window, lease, behind = from('>I2c0I8I8I8I8I8I8I8', arguments, at)
  return { meter = meter, free = free, first = first, longest = longest, stop = stop, window = window, lease = lease }, behind
end

local answers = {}
for i, key in ipairs(KEYS) do
  local asked, tallies = asked_of_next(read), {}
  local row = row_of(key, asked)
  for j, one in ipairs(asked) do
    local meter = opened(row[one.meter])
    wake(meter, one, now, 0, 0)
    local count = total(meter.failures)
    local ready = one.window ~= 0 and count >= one.stop and refill(meter, one, count + 1 - one.stop) or meter.ready
    tallies[j] = { count, pending(meter), ready > now and ready or 0, meter.seen }
  end
  answers[i] = tallies
end
return answers

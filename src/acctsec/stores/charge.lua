-- Answers the charges of each slot (KEYS, in turn), all or nothing; the slots after one that refuses are not looked at.

local GRANTED, RESTING, FILLED, STOPPED = 0, 1, 2, 3
local SLACK = 3600 * 1000

local function admit(meter, charge)
  local candidate = charge.candidate
  local count = total(meter.failures)
  if count >= charge.stop then
    if charge.window ~= 0 then
      return { RESTING, refill(meter, charge), count }
    end
    return { STOPPED, count }
  end
  if now < meter.ready then
    return { RESTING, meter.ready, count }
  end
  local waiting = 0
  for _, hold in ipairs(meter.holds) do
    if hold.state == PENDING then
      waiting = waiting + 1
      if hold.candidate == candidate then
        if hold.id == charge.hold then
          return { GRANTED, count + waiting, 1, hold.id }
        end
        hold.sharers = hold.sharers + 1
        with_hold(meter, hold)
        return { GRANTED, count + waiting, 0, hold.id }
      end
    end
  end
  if candidate and contains(meter.seen, candidate) then
    return { GRANTED, count, 0 }
  end
  local taken = count + waiting
  if taken >= room(charge, count) then
    return { FILLED }
  end
  local hold = { id = charge.hold, candidate = candidate, at = meter.latest, base = count, sharers = 1, state = PENDING }
  if not candidate then
    fail(meter, charge, hold, false)
    capped(meter, charge, now)
    return { GRANTED, taken + 1, 1 }
  end
  meter.holds[#meter.holds + 1] = hold
  return { GRANTED, taken + 1, 1, hold.id }
end

-- A comparison of strings in Lua follows the server's locale.
local function precedes(one, other)
  for i = 1, min(#one, #other) do
    local left, right = one:byte(i), other:byte(i)
    if left ~= right then
      return left < right
    end
  end
  return #one < #other
end

local function evict(key, row, changed)
  local excess = call('HLEN', key) - MAX_METERS
  for name in pairs(changed) do
    if not row[name] then
      excess = excess + 1
    end
  end
  if excess <= 0 then
    return
  end
  local stored, loose = call('HGETALL', key), {}
  for i = 1, #stored, 2 do
    local name = stored[i]
    if not changed[name] and name:sub(1, 1) ~= '!' then
      local meter = opened(stored[i + 1])
      loose[#loose + 1] = { name = name, latest = meter.latest, failed = meter.failures[1] and 1 or 0 }
    end
  end
  table.sort(loose, function(one, other)
    if one.failed ~= other.failed then
      return one.failed < other.failed
    end
    if one.latest ~= other.latest then
      return one.latest < other.latest
    end
    return precedes(one.name, other.name)
  end)
  local names = {}
  for i = 1, min(excess, #loose) do
    names[i] = loose[i].name
  end
  if names[1] then
    call('HDEL', key, unpack(names))
  end
end

local function charge_row(key, charges, keep)
  local row, changed, readings, refused = row_of(key, charges), {}, {}, false
  for i, charge in ipairs(charges) do
    local meter = changed[charge.meter] or opened(row[charge.meter])
    changed[charge.meter] = meter
    wake(meter, charge, now, charge.at_least, charge.floor)
    readings[i] = admit(meter, charge)
    refused = refused or readings[i][1] ~= GRANTED
  end
  if refused then
    for i, reading in ipairs(readings) do
      if reading[1] == GRANTED then
        readings[i] = { GRANTED, reading[2], 0 }
      end
    end
    changed = {}
    for _, charge in ipairs(charges) do
      local meter = changed[charge.meter] or opened(row[charge.meter])
      changed[charge.meter] = meter
      wake(meter, charge, now, charge.at_least, charge.floor)
    end
    for name, meter in pairs(changed) do
      if not row[name] and not meter.failures[1] then
        changed[name] = nil
      end
    end
  end
  evict(key, row, changed)
  -- Never shortened; put off by an hour at a time, so that most charges need not write it.
  if write(key, changed) and call('PTTL', key) < keep then
    call('PEXPIRE', key, keep + SLACK)
  end
  return readings, refused
end

local function read(at)
  local numbers = ARGV[at + 2]
  local at_least, floor, keep, free, first, longest, stop, window, lease, candidate = from('>I8I8I8I8I8I8I8I8I8', numbers)
  candidate = #numbers >= candidate and numbers:sub(candidate) or nil
  return {
    meter = ARGV[at], hold = ARGV[at + 1], candidate = candidate, keep = keep, at_least = at_least, floor = floor,
    free = free, first = first, longest = longest, stop = stop, window = window, lease = lease,
  }
end

local answers = {}
for i, key in ipairs(KEYS) do
  local charges, keep, refused = asked_of(i, 3, read), 0, false
  for _, charge in ipairs(charges) do
    keep = max(keep, charge.keep)
  end
  answers[i], refused = charge_row(key, charges, keep)
  if refused then
    break
  end
end
return answers

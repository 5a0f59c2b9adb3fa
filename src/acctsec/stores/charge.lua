-- Answers the charges of each slot (KEYS, in turn), all or nothing; the slots after one that refuses are not looked at.

local GRANTED, RESTING, FILLED, STOPPED = 0, 1, 2, 3
local SLACK = 3600 * 1000
local MISSING = -2

-- A reading, as it goes out.
local function reading_of(kind, first, second, hold)
  return to('>BI8I8Bc0', kind, first, second, #hold, hold)
end

local function stopped(meter, charge, count)
  if charge.window == 0 or charge.weight > charge.stop then
    return STOPPED, count, 0, ''
  end
  return RESTING, refill(meter, charge, count + charge.weight - charge.stop), count, ''
end

local function admit(meter, charge)
  local candidate, weight = charge.candidate, charge.weight
  local count = total(meter.failures)
  if count >= charge.stop then
    return stopped(meter, charge, count)
  end
  if now < meter.ready then
    return RESTING, meter.ready, count, ''
  end
  local waiting, holds = 0, meter.holds
  for i = 1, #holds do
    local hold = holds[i]
    if hold.state == PENDING then
      waiting = waiting + hold.weight
      if hold.candidate == candidate then
        if hold.id == charge.hold then
          return GRANTED, count + waiting, 1, hold.id
        end
        hold.sharers = hold.sharers + 1
        with_hold(meter, hold)
        return GRANTED, count + waiting, 0, hold.id
      end
    end
  end
  if candidate and contains(meter.seen, candidate) then
    return GRANTED, count, 0, ''
  end
  local taken = count + waiting + weight
  if not fits(charge, weight, count, waiting) then
    if count + weight <= charge.stop then
      return FILLED, 0, 0, ''
    end
    return stopped(meter, charge, count)
  end
  local hold = {
    id = charge.hold, candidate = candidate, at = meter.latest, base = count, sharers = 1, state = PENDING, weight = weight,
  }
  if not candidate then
    fail(meter, charge, hold, false)
    capped(meter, charge, now)
    return GRANTED, taken, 1, ''
  end
  holds[#holds + 1] = hold
  return GRANTED, taken, 1, hold.id
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

local function charge_row(key, charges, readings)
  local ttl = call('PTTL', key)
  local row, changed = ttl ~= MISSING and row_of(key, charges) or {}, {}
  local number = #readings
  local refused, keep = false, 0
  for i = 1, #charges do
    local charge = charges[i]
    local name = charge.meter
    local meter = changed[name] or opened(row[name])
    changed[name] = meter
    keep = max(keep, charge.keep)
    wake(meter, charge, now, charge.at_least, charge.least_now)
    local kind, first, second, hold = admit(meter, charge)
    readings[number + i] = reading_of(kind, first, second, hold)
    refused = refused or kind ~= GRANTED
  end
  if refused then
    for i = number + 1, #readings do
      local kind, ordinal = from('>BI8', readings[i])
      if kind == GRANTED then
        readings[i] = reading_of(GRANTED, ordinal, 0, '')
      end
    end
    changed = {}
    for _, charge in ipairs(charges) do
      local meter = changed[charge.meter] or opened(row[charge.meter])
      changed[charge.meter] = meter
      wake(meter, charge, now, charge.at_least, charge.least_now)
    end
    for name, meter in pairs(changed) do
      if not row[name] and not meter.failures[1] then
        changed[name] = nil
      end
    end
  end
  if ttl ~= MISSING then
    evict(key, row, changed)
  end
  -- Never shortened; put off by an hour at a time, so that most charges need not write it.
  if write(key, changed) and ttl < keep then
    call('PEXPIRE', key, keep + SLACK)
  end
  return refused
end

local function read(at)
  local meter, hold, candidate, at_least, least_now, weight, keep, free, first, longest, stop, window, lease, behind =
    from('>I2c0Bc0Bc0I4I4I4I8I8I8I8I8I8I8', arguments, at)
  return {
    meter = meter, hold = hold, candidate = candidate ~= '' and candidate, at_least = at_least, least_now = least_now,
    weight = weight, keep = keep, free = free, first = first, longest = longest, stop = stop, window = window, lease = lease,
  }, behind
end

local readings = {}
for i = 1, #KEYS do
  if charge_row(KEYS[i], asked_of_next(read), readings) then
    break
  end
end
return table.concat(readings)

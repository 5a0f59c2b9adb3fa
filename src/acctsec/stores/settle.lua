-- Applies the settlements of each slot (KEYS).

local FAILED, VOID, PARK, CLEAR, FORGIVE = 0, 1, 2, 3, 4

local function conclude(meter, settlement)
  local verdict, hold = settlement.verdict, nil
  if verdict == FORGIVE then
    -- What stands in the place of a hold is a candidate, if it is as wide as one.
    if #settlement.hold == WIDTH and contains(meter.seen, settlement.hold) then
      without_failure(meter, settlement.hold, 1)
    end
    return
  end
  for _, one in ipairs(meter.holds) do
    if one.id == settlement.hold then
      hold = one
      break
    end
  end
  if not hold then
    return
  end
  if verdict == FAILED then
    if hold.state == LAPSED then
      without(meter, hold.id)
    else
      fail(meter, settlement, hold, false)
      without_old(meter, settlement)
    end
    return
  end
  if verdict == VOID and hold.sharers > 1 then
    hold.sharers = hold.sharers - 1
    with_hold(meter, hold)
    return
  end
  without(meter, hold.id)
  if hold.state == LAPSED then
    without_failure(meter, hold.candidate, hold.weight)
  end
  if verdict == PARK then
    done(meter, hold, PARKED)
  elseif verdict == CLEAR then
    forget(meter, hold.base)
    local rested = meter.latest + rest(settlement, total(meter.failures))
    meter.seen = ''
    meter.ready = meter.failures[1] and min(meter.ready, rested) or 0
  end
end

local function read(at)
  local meter, hold, verdict, _, free, first, longest, stop, window, lease, behind =
    from('>I2c0Bc0BI8I8I8I8I8I8I8', arguments, at)
  return {
    meter = meter, hold = hold, verdict = verdict,
    free = free, first = first, longest = longest, stop = stop, window = window, lease = lease,
  }, behind
end

for _, key in ipairs(KEYS) do
  local settlements, changed = asked_of_next(read), {}
  local row = row_of(key, settlements)
  for _, settlement in ipairs(settlements) do
    local name = settlement.meter
    local meter = changed[name] or (row[name] and opened(row[name]))
    if meter then
      changed[name] = meter
      wake(meter, settlement, now, 0, 0)
      conclude(meter, settlement)
      capped(meter, settlement, now)
    end
  end
  write(key, changed)
end
return redis.status_reply('OK')

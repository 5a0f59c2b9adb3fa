-- acctsec.meters on the server: the same functions under the same names, worked on in place. Whatever changes there changes here.
--
-- A meter is a table of its fields: failures a flat list of instant, count, instant, count; seen one string of candidates of
-- eight bytes each. A meter of which each reservation weighs 1 is stored in format 1, as it always was. Every number is an integer below 2^53, which a double holds exactly; the store lets no greater one through.

local FORMAT, WITH_WEIGHTS = 1, 2
local PENDING, LAPSED, PARKED = 0, 1, 2
local MAX_SEEN, MAX_DONE, MAX_METERS, PARTS = 32, 8, 64, 8
local BROKEN_CLOCK = 2 * 86400 * 1000000
local SECOND = 1000000
local WIDTH = 8

local call, from, to = redis.call, struct.unpack, struct.pack
local ceil, floor, ldexp, max, min = math.ceil, math.floor, math.ldexp, math.max, math.min

local function opened(stored)
  if not stored then
    return { latest = 0, ready = 0, failures = {}, holds = {}, seen = '' }
  end
  local format, latest, ready, parts, number, position = from('>BI7I7I2I4', stored)
  if format ~= FORMAT and format ~= WITH_WEIGHTS then
    error({ err = 'ACCTSEC-FORMAT' })
  end
  local failures, holds = {}, {}
  for i = 1, 2 * parts, 2 do
    failures[i], failures[i + 1], position = from('>I5I5', stored, position)
  end
  for i = 1, number do
    local id, candidate, at, base, sharers, state, behind = from('>I2c0c8I7I5I4B', stored, position)
    local weight = 1
    if format == WITH_WEIGHTS then
      weight, behind = from('>I4', stored, behind)
    end
    holds[i] = { id = id, candidate = candidate, at = at, base = base, sharers = sharers, state = state, weight = weight }
    position = behind
  end
  return { latest = latest, ready = ready, failures = failures, holds = holds, seen = stored:sub(position) }
end

local function packed(meter)
  local failures, holds = meter.failures, meter.holds
  local parts, format = #failures / 2, FORMAT
  for i = 1, #holds do
    if holds[i].weight ~= 1 then
      format = WITH_WEIGHTS
    end
  end
  local bytes = to('>BI7I7I2I4' .. ('I5I5'):rep(parts), format, meter.latest, meter.ready, parts, #holds, unpack(failures))
  for i = 1, #holds do
    local hold = holds[i]
    local id = hold.id
    bytes = bytes .. to('>I2c0c8I7I5I4B', #id, id, hold.candidate, hold.at, hold.base, hold.sharers, hold.state)
    if format == WITH_WEIGHTS then
      bytes = bytes .. to('>I4', hold.weight)
    end
  end
  return bytes .. meter.seen
end

local function total(failures)
  local sum = 0
  for i = 2, #failures, 2 do
    sum = sum + failures[i]
  end
  return sum
end

local function pending(meter)
  local sum = 0
  for _, hold in ipairs(meter.holds) do
    if hold.state == PENDING then
      sum = sum + hold.weight
    end
  end
  return sum
end

local function contains(seen, candidate)
  local at = seen:find(candidate, 1, true)
  while at and at % WIDTH ~= 1 do
    at = seen:find(candidate, at + 1, true)
  end
  return at
end

local function rest(ladder, count)
  local doublings = count - ladder.free
  if doublings < 0 then
    return 0
  end
  if doublings >= 64 then
    return ladder.longest
  end
  return min(ldexp(ladder.first, doublings), ladder.longest)
end

local function fits(ladder, weight, count, waiting)
  local taken = count + waiting + weight
  return taken <= ladder.stop and (taken <= ladder.free or waiting == 0)
end

local function refill(meter, ladder, number)
  local failures = meter.failures
  for i = 1, #failures, 2 do
    number = number - failures[i + 1]
    if number <= 0 then
      return failures[i] * SECOND + ladder.window
    end
  end
  return meter.latest
end

local function capped(meter, ladder, now)
  meter.ready = min(meter.ready, now + ladder.longest)
end

local function minus(failures, number)
  local left = {}
  for i = 1, #failures, 2 do
    local count = failures[i + 1]
    local taken = min(count, number)
    number = number - taken
    if count > taken then
      left[#left + 1] = failures[i]
      left[#left + 1] = count - taken
    end
  end
  return left
end

local function forget(meter, number)
  if number == 0 then
    return
  end
  local holds = {}
  for _, hold in ipairs(meter.holds) do
    if hold.state ~= LAPSED or hold.base >= number then
      hold.base = max(hold.base - number, 0)
      holds[#holds + 1] = hold
    end
  end
  meter.holds = holds
  meter.failures = minus(meter.failures, number)
  if not meter.failures[1] then
    meter.seen = ''
  end
end

local function without_old(meter, ladder)
  local failures, begin = meter.failures, meter.latest - ladder.window
  if ladder.window == 0 or failures[1] * SECOND > begin then
    return
  end
  local number = 0
  for i = 1, #failures, 2 do
    if failures[i] * SECOND <= begin then
      number = number + failures[i + 1]
    end
  end
  forget(meter, number)
end

local function counted(meter, ladder, at, number)
  local failures, second = meter.failures, ceil(at / SECOND)
  local size = #failures
  if size > 0 then
    local last = failures[size - 1]
    local part = max(floor(floor(ladder.window / PARTS) / SECOND), 1)
    if ladder.window == 0 or floor(second / part) <= floor(last / part) then
      failures[size - 1] = max(last, second)
      failures[size] = failures[size] + number
      return
    end
  end
  failures[size + 1] = second
  failures[size + 2] = number
end

local function with_hold(meter, changed)
  for i, hold in ipairs(meter.holds) do
    if hold.id == changed.id then
      -- A table of its own for each: what is taken from one must not be taken from another.
      meter.holds[i] = {
        id = changed.id, candidate = changed.candidate, at = changed.at, base = changed.base,
        sharers = changed.sharers, state = changed.state, weight = changed.weight,
      }
    end
  end
end

local function without(meter, id)
  local holds = {}
  for _, hold in ipairs(meter.holds) do
    if hold.id ~= id then
      holds[#holds + 1] = hold
    end
  end
  meter.holds = holds
end

local function done(meter, hold, state)
  local number, oldest = 0, nil
  for i, other in ipairs(meter.holds) do
    if other.state ~= PENDING then
      number = number + 1
      oldest = oldest or i
    end
  end
  if number >= MAX_DONE then
    table.remove(meter.holds, oldest)
  end
  hold.state = state
  meter.holds[#meter.holds + 1] = hold
end

local function fail(meter, ladder, hold, lapsed)
  counted(meter, ladder, hold.at, hold.weight)
  without(meter, hold.id)
  if lapsed then
    done(meter, hold, LAPSED)
  elseif hold.candidate and not contains(meter.seen, hold.candidate) then
    meter.seen = (meter.seen .. hold.candidate):sub(-MAX_SEEN * WIDTH)
  end
  local wait = rest(ladder, total(meter.failures))
  if wait > 0 then
    meter.ready = max(meter.ready, hold.at + wait)
  end
end

local function lapse(meter, ladder)
  local expired = {}
  for _, hold in ipairs(meter.holds) do
    if hold.state == PENDING and hold.at + ladder.lease <= meter.latest then
      expired[#expired + 1] = hold
    end
  end
  for _, hold in ipairs(expired) do
    fail(meter, ladder, hold, true)
  end
  if expired[1] then
    without_old(meter, ladder)
  end
end

local function without_failure(meter, candidate, weight)
  for _, hold in ipairs(meter.holds) do
    hold.base = max(hold.base - weight, 0)
  end
  local at = contains(meter.seen, candidate)
  if at then
    meter.seen = meter.seen:sub(1, at - 1) .. meter.seen:sub(at + WIDTH)
  end
  meter.failures = minus(meter.failures, weight)
end

local function bring_back(meter, now)
  local failures, second = meter.failures, ceil(now / SECOND)
  for i = 1, #failures, 2 do
    failures[i] = min(failures[i], second)
  end
  for _, hold in ipairs(meter.holds) do
    hold.at = min(hold.at, now)
  end
end

local function raise(meter, ladder, count, now)
  local missing = count - total(meter.failures) - pending(meter)
  if missing <= 0 then
    return
  end
  counted(meter, ladder, meter.latest, missing)
  meter.ready = max(meter.ready, now + rest(ladder, total(meter.failures)))
end

local function wake(meter, ladder, now, at_least, least_now)
  local least = meter.latest ~= 0 and least_now - ladder.free or max(at_least, least_now)
  if meter.latest < now then
    meter.latest = now
  elseif meter.latest - now > BROKEN_CLOCK then
    bring_back(meter, now)
    meter.latest = now
  end
  if meter.failures[1] then
    without_old(meter, ladder)
  end
  if meter.holds[1] then
    lapse(meter, ladder)
  end
  if meter.ready ~= 0 then
    capped(meter, ladder, now)
  end
  if least > 0 then
    raise(meter, ladder, least, now)
  end
end

-- What is stored under the names that are asked for, each read once; false or nil where nothing is.
local function row_of(key, asked)
  local names, row = {}, {}
  for i = 1, #asked do
    local name = asked[i].meter
    if row[name] == nil then
      row[name] = false
      names[#names + 1] = name
    end
  end
  local stored = call('HMGET', key, unpack(names))
  for i = 1, #names do
    row[names[i]] = stored[i]
  end
  return row
end

local function write(key, changed)
  local written, size = {}, 0
  for name, meter in pairs(changed) do
    written[size + 1], written[size + 2] = name, packed(meter)
    size = size + 2
  end
  if size > 0 then
    call('HSET', key, unpack(written))
  end
  return size > 0
end

-- ARGV[1]: the instant; then, for each key, how many are asked of it, and those. What is asked of a meter is one table with the
-- fields of its ladder.
local arguments = ARGV[1]
local now, next_argument = from('>I8', arguments)

local function asked_of_next(read)
  local asked, number = {}, nil
  number, next_argument = from('>I2', arguments, next_argument)
  for i = 1, number do
    asked[i], next_argument = read(next_argument)
  end
  return asked
end

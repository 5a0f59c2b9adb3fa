-- One page of a count-min sketch: the cells of a digest, of 32 bits each, of which only the lowest rise.

local GREATEST = 4294967295

local function cells(key, places)
  local ask = { 'BITFIELD_RO', key }
  for _, place in ipairs(places) do
    ask[#ask + 1] = 'GET'
    ask[#ask + 1] = 'u32'
    ask[#ask + 1] = '#' .. place
  end
  return redis.call(unpack(ask))
end

local function count(key, places)
  return math.min(unpack(cells(key, places)))
end

local function add(key, places)
  local counts = cells(key, places)
  local least = math.min(unpack(counts))
  if least == GREATEST then
    return least
  end
  local ask = { 'BITFIELD', key }
  for i, place in ipairs(places) do
    if counts[i] == least then
      ask[#ask + 1] = 'SET'
      ask[#ask + 1] = 'u32'
      ask[#ask + 1] = '#' .. place
      ask[#ask + 1] = least + 1
    end
  end
  redis.call(unpack(ask))
  return least + 1
end

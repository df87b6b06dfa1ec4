-- The generic cell rate algorithm, by Redis's clock.
--
-- KEYS: the bucket: microseconds since 2024 at which nothing is spent any more.
-- ARGV: microseconds that one unit takes; the burst; the cost; how much to lease besides.
-- Answers with whether the cost was spent (1, 0), what was leased, what could still be
-- spent at once, and the microseconds until the cost would be allowed and until nothing is
-- spent. A cost of 0 spends nothing.
local time = redis.call('TIME')
local now = (time[1] - 1704067200) * 1000000 + time[2]
local unit, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local cost, more = tonumber(ARGV[3]), tonumber(ARGV[4])

-- A microsecond of play, so that fractions which do not add up refuse nobody.
local depth = unit * burst
local function room(debt)
  return math.min(burst, math.max(0, math.floor((depth + 1 - debt) / unit)))
end

-- A clock that was set back leaves no more than a full debt.
local debt = tonumber(redis.call('GET', KEYS[1]) or now) - now
debt = math.min(math.max(debt, 0), depth)
local wanted = debt + cost * unit
if wanted > depth + 1 then
  return { 0, 0, room(debt), math.ceil(wanted - depth), math.ceil(debt) }
end
if cost == 0 then
  return { 1, 0, room(debt), 0, math.ceil(debt) }
end
local leased = math.min(more, room(wanted))
debt = wanted + leased * unit
redis.call('SET', KEYS[1], string.format('%.3f', now + debt), 'PX', math.ceil(debt / 1000) + 1)
return { 1, leased, room(debt), 0, math.ceil(debt) }

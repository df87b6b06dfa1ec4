-- A bucket of tokens that is refilled at the end of each period, by Redis's clock.
--
-- KEYS: the bucket: how many tokens are missing, and in which period that was.
-- ARGV: the capacity; the refill; the period in microseconds; the cost; how much to lease
-- besides. Answers as `gcra.lua` does.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local capacity, refill, period = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local cost, more = tonumber(ARGV[4]), tonumber(ARGV[5])
local index = math.floor(now / period)

local missing = 0
local known, since = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (%d+)$')
if known then
  -- A clock that was set back refills nothing.
  missing = math.max(0, known - math.max(0, index - since) * refill)
end
local function wait(tokens)
  if tokens <= 0 then return 0 end
  return math.min(math.ceil(tokens / refill) * period - now % period, 2 ^ 53)
end

local wanted = missing + cost
if wanted > capacity then
  return { 0, 0, math.max(0, capacity - missing), wait(wanted - capacity), wait(missing) }
end
if cost == 0 then
  return { 1, 0, capacity - missing, 0, wait(missing) }
end
local leased = math.min(more, capacity - wanted)
missing = wanted + leased
redis.call('SET', KEYS[1], string.format('%.0f %.0f', missing, index), 'PX',
  string.format('%.0f', math.ceil(wait(missing) / 1000) + 1))
return { 1, leased, capacity - missing, 0, wait(missing) }

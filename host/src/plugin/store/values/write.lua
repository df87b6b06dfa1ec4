-- Writes a value if its key is as expected and the plugin's quota has room for it.
--
-- KEYS: the value; keys by their ends; sizes by key; the account (bytes, version).
-- ARGV: the key; what is expected (`*` anything, `-` nothing, or a version); the value;
-- its time in milliseconds, or nothing; its cost; the quota's bytes and entries.
-- Answers with the new version, `other` or `quota`.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local key, expected, ttl = ARGV[1], ARGV[2], ARGV[4]

local version = string.match(redis.call('GETRANGE', KEYS[1], 0, 16), '^(%d+) ')
if expected == '-' then
  if version then return 'other' end
elseif expected ~= '*' and expected ~= version then
  return 'other'
end

-- What has ended gives its room back: some of it with each write, so that none takes long.
-- Redis keeps a value through the millisecond of its end.
local bytes = tonumber(redis.call('HGET', KEYS[4], 'bytes') or 0)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. now, 'LIMIT', 0, 64)) do
  bytes = bytes - tonumber(redis.call('HGET', KEYS[3], gone) or 0)
  redis.call('HDEL', KEYS[3], gone)
  redis.call('ZREM', KEYS[2], gone)
end
redis.call('HSET', KEYS[4], 'bytes', string.format('%.0f', bytes))

local before, cost = tonumber(redis.call('HGET', KEYS[3], key) or 0), tonumber(ARGV[5])
local entries = redis.call('ZCARD', KEYS[2])
if before == 0 and entries + 1 > tonumber(ARGV[7])
  or cost > before and bytes + cost - before > tonumber(ARGV[6]) then
  return 'quota'
end

-- Never given twice, not even by a Redis that lost its memory: four million writes in each
-- second since 2024 is more than there are.
local next = tonumber(redis.call('HGET', KEYS[4], 'version') or 0) + 1
next = string.format('%.0f', math.max(next, (now - 1704067200000) * 4096))

local stored, ends = next .. ' ' .. ARGV[3], '+inf'
if ttl == '' then
  redis.call('SET', KEYS[1], stored)
else
  ends = string.format('%.0f', now + ttl)
  redis.call('SET', KEYS[1], stored, 'PXAT', ends)
end
redis.call('ZADD', KEYS[2], ends, key)
redis.call('HSET', KEYS[3], key, cost)
redis.call('HSET', KEYS[4], 'bytes', string.format('%.0f', bytes + cost - before), 'version', next)
return next

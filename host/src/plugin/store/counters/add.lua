-- Adds to a counter.
--
-- KEYS: the plugin's counters. ARGV: the name; what to add; how many counters there may
-- be; and if an earlier call answered `wraps`, what the counter was then and what it is to
-- become. Answers with `sum` and the sum, `wraps` and what the counter is at, or `quota`.
-- Numbers are texts: here they would lose what is beyond 53 bits.
local was = redis.call('HGET', KEYS[1], ARGV[1])
if not was and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
  return { 'quota', '0' }
end
if was and was == ARGV[4] then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[5])
  return { 'sum', ARGV[5] }
end
local added = redis.pcall('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
if type(added) == 'table' and added.err then
  if string.find(added.err, 'overflow', 1, true) then return { 'wraps', was or '0' } end
  return added
end
return { 'sum', redis.call('HGET', KEYS[1], ARGV[1]) }

-- Sets a counter back to 0. KEYS: the plugin's counters. ARGV: the name.
-- Answers with what it was.
local was = redis.call('HGET', KEYS[1], ARGV[1])
if was then redis.call('HSET', KEYS[1], ARGV[1], '0') end
return was or '0'

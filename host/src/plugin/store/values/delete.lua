-- Removes a value and what its plugin's account says of it.
--
-- KEYS: the value; keys by their ends; sizes by key; the account. ARGV: the key.
-- Answers with how many values that were.
local there = redis.call('DEL', KEYS[1])
local cost = redis.call('HGET', KEYS[3], ARGV[1])
if cost then
  redis.call('HDEL', KEYS[3], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('HINCRBY', KEYS[4], 'bytes', -cost)
end
return there

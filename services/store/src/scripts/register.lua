-- Registers a worker's incarnation, or renews its lease with what it says now.
-- KEYS: 1 the incarnation, 2 all workers
-- ARGV: 1 generation, 2 what it says of itself, 3 the lease in ms
-- Result: {1}, or {0, generation} if a later process of it has registered
local now = now_ms()
local current = redis.call('HGET', KEYS[1], 'generation')
if current and tonumber(current) > tonumber(ARGV[1]) then
  return {0, current}
end
local time = redis.call('TIME')
redis.call('HSETNX', KEYS[1], 'since', whole(time[1] * 1000000 + time[2]))
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'said', ARGV[2])
redis.call('PEXPIRE', KEYS[1], whole(INDEX_MS))
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', whole(now))
redis.call('ZADD', KEYS[2], whole(now + tonumber(ARGV[3])), KEYS[1])
return {1}

-- Ends the lease of a worker's incarnation.
-- KEYS: 1 the incarnation, 2 all workers
-- ARGV: 1 generation
-- Result: {1}, or {0, generation} if a later process of it has registered
local current = redis.call('HGET', KEYS[1], 'generation')
if current and tonumber(current) > tonumber(ARGV[1]) then
  return {0, current}
end
redis.call('ZREM', KEYS[2], KEYS[1])
return {1}

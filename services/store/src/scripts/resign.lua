-- Gives the sweep lease back.
-- KEYS: 1 the lease
-- ARGV: 1 who has it
-- Result: 1, or 0 if somebody else has it, or nobody
local held = redis.call('GET', KEYS[1])
if held and string.match(held, '^%d+ (.+)$') == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0

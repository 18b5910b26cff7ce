-- Frees a place of a user.
-- KEYS: 1 the user's sessions
-- ARGV: 1 id, 2 'any', 'reserved' for one that was not confirmed, or the very score that was seen
-- Result: 1 if it was freed, else 0
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score then
  return 0
end
if ARGV[2] == 'reserved' and tonumber(score) >= CONFIRMED then
  return 0
end
if ARGV[2] ~= 'any' and ARGV[2] ~= 'reserved' and score ~= ARGV[2] then
  return 0
end
return redis.call('ZREM', KEYS[1], ARGV[1])

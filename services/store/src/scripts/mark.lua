-- Puts down the marker of this Redis, unless there is one.
-- KEYS: 1 marker
-- ARGV: 1 a marker nobody else would choose
-- Result: the marker that stands
local marker = redis.call('GET', KEYS[1])
if marker then
  return marker
end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]

-- Takes of a rate (GCRA): its one value is when the scope is back at rest, in microseconds.
-- KEYS: 1 the rate
-- ARGV: 1 in how many microseconds what is taken comes back, 2 in how many a whole burst does
-- Result: 0 if it was taken, else after how many microseconds it would be; nothing was taken then
local now = now_us()
local full = now + tonumber(ARGV[2])
-- What lies further ahead was written at another rate or before the clock was set back: nobody waits
-- longer than for a burst.
local at_rest = math.min(math.max(tonumber(redis.call('GET', KEYS[1]) or now), now), full)
local next_rest = at_rest + tonumber(ARGV[1])
if next_rest > full then
  return next_rest - full
end
local kept_ms = math.ceil((next_rest - now) / 1000) + SLACK_MS
redis.call('SET', KEYS[1], whole(next_rest), 'PX', whole(kept_ms))
return 0

-- Makes a place that a user holds one of a session, which does not expire.
-- KEYS: 1 the user's sessions
-- ARGV: 1 id, 2 whether it needs to be held: 1 for a new session, 0 for one that has a record
-- Result: 1, or 0 if the place is not held any more
local now = now_ms()
if ARGV[2] == '1' then
  local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
  if not score or tonumber(score) <= now then
    return 0
  end
end
redis.call('ZADD', KEYS[1], whole(CONFIRMED + now), ARGV[1])
redis.call('PEXPIRE', KEYS[1], whole(INDEX_MS))
return 1

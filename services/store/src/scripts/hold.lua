-- Holds a place of a user, or holds it longer.
-- KEYS: 1 the user's sessions
-- ARGV: 1 id, 2 the user's limit, 3 how long in ms
-- Result: {1} if it is held; {0, id, score, …} with all confirmed sessions if there is no room
local now = now_ms()
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', whole(now))
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  local confirmed = redis.call('ZRANGEBYSCORE', KEYS[1], whole(CONFIRMED), '+inf', 'WITHSCORES')
  table.insert(confirmed, 1, 0)
  return confirmed
end
if not score or tonumber(score) < CONFIRMED then
  redis.call('ZADD', KEYS[1], whole(now + tonumber(ARGV[3])), ARGV[1])
end
redis.call('PEXPIRE', KEYS[1], whole(INDEX_MS))
return {1}

-- Takes a place for a socket of a user, or the place of the one that it replaces.
-- KEYS: 1 the user's sockets by when their places end, 2 those that were replaced, likewise
-- ARGV: 1 the socket, 2 the one that it replaces or '', 3 the user's limit, 4 how long in ms
-- Result: 1 if it has a place, else 0
local now = now_ms()
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', whole(now))
local taken = redis.call('ZCARD', KEYS[1])
local takes_over = ARGV[2] ~= '' and ARGV[2] ~= ARGV[1] and redis.call('ZSCORE', KEYS[1], ARGV[2])
if takes_over then
  taken = taken - 1
end
if taken >= tonumber(ARGV[3]) and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return 0
end
local expiry, kept = whole(now + tonumber(ARGV[4])), whole(ARGV[4] + SLACK_MS)
if takes_over then
  redis.call('ZREM', KEYS[1], ARGV[2])
  redis.call('ZADD', KEYS[2], expiry, ARGV[2])
  redis.call('PEXPIRE', KEYS[2], kept)
end
redis.call('ZADD', KEYS[1], expiry, ARGV[1])
redis.call('PEXPIRE', KEYS[1], kept)
return 1

-- Holds the places of a user's sockets longer, and puts those back that were lost.
-- KEYS: 1 the user's sockets by when their places end, 2 those that were replaced, likewise
-- ARGV: 1 how long in ms, 2… the sockets
-- Result: those of them that were replaced, which get none
local now = now_ms()
local expiry, kept = whole(now + tonumber(ARGV[1])), whole(ARGV[1] + SLACK_MS)
local gone = {}
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', whole(now))
for at = 2, #ARGV - 1 do
  if redis.call('ZSCORE', KEYS[2], ARGV[at]) then
    -- Remembered for as long as anybody might renew it.
    redis.call('ZADD', KEYS[2], expiry, ARGV[at])
    redis.call('PEXPIRE', KEYS[2], kept)
    gone[#gone + 1] = ARGV[at]
  else
    redis.call('ZADD', KEYS[1], expiry, ARGV[at])
    redis.call('PEXPIRE', KEYS[1], kept)
  end
end
return gone

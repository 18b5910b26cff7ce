-- Notes which session a request makes, unless it came before.
-- KEYS: 1 the user's requests
-- ARGV: 1 idempotency key, 2 digest of the request, 3 id, 4 how long it is remembered in ms,
--       5 how many are remembered
-- Result: the id of the first request; 'reused' if that one asked for something else
local now = now_ms()
local first = redis.call('HGET', KEYS[1], ARGV[1])
if first then
  local expiry, digest, id = string.match(first, '^(%d+) (%x+) (.+)$')
  if tonumber(expiry) > now then
    return digest == ARGV[2] and id or 'reused'
  end
  redis.call('HDEL', KEYS[1], ARGV[1])
end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then
  -- The oldest goes, and all that have expired.
  local all, oldest, oldest_expiry = redis.call('HGETALL', KEYS[1]), nil, math.huge
  for at = 1, #all, 2 do
    local expiry = tonumber(string.match(all[at + 1], '^%d+'))
    if expiry <= now then
      redis.call('HDEL', KEYS[1], all[at])
    elseif expiry < oldest_expiry then
      oldest, oldest_expiry = all[at], expiry
    end
  end
  if oldest and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then
    redis.call('HDEL', KEYS[1], oldest)
  end
end
redis.call('HSET', KEYS[1], ARGV[1], whole(now + ARGV[4]) .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
redis.call('PEXPIRE', KEYS[1], whole(ARGV[4] + SLACK_MS))
return ARGV[3]

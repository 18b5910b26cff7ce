-- Holds a place in the project, or holds it longer.
-- KEYS: 1 session, 2 the project's sessions, 3 its reservations
-- ARGV: 1 id, 2 reservation, 3 the project's limit, 4 how long in ms
-- Result: 'held', 'full', or 'exists' if that id is a session or another reservation
local now = now_ms()
local stored = redis.call('HMGET', KEYS[1], 'until', 'record', 'reservation')
local stands = (stored[2] or stored[3]) and not (stored[1] and tonumber(stored[1]) <= now)
if stands and stored[3] ~= ARGV[2] then
  return 'exists'
end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', whole(now))
if not stands then
  local taken = redis.call('ZCARD', KEYS[2]) + redis.call('ZCARD', KEYS[3])
  if taken >= tonumber(ARGV[3]) then
    return 'full'
  end
end
local expiry = now + tonumber(ARGV[4])
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'reservation', ARGV[2], 'until', whole(expiry),
  'revision', 'r' .. whole(expiry))
redis.call('PEXPIRE', KEYS[1], whole(ARGV[4] + SLACK_MS))
redis.call('ZADD', KEYS[3], whole(expiry), ARGV[1])
redis.call('PEXPIRE', KEYS[3], whole(ARGV[4] + SLACK_MS))
return 'held'

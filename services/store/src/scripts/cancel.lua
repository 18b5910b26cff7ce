-- Gives a reserved place of the project back.
-- KEYS: 1 session, 2 the project's reservations
-- ARGV: 1 id
-- Result: {1 if the id is a session and so nothing was done, else 0; the reservation or false}
local now = now_ms()
local stored = redis.call('HMGET', KEYS[1], 'until', 'record', 'reservation')
if stored[2] and not (stored[1] and tonumber(stored[1]) <= now) then
  return {1, false}
end
redis.call('ZREM', KEYS[2], ARGV[1])
if stored[3] then
  redis.call('DEL', KEYS[1])
end
return {0, stored[3]}

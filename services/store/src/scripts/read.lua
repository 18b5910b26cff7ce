-- Reads what stands under a session's id, and the time.
-- KEYS: 1 session
-- ARGV: none
-- Result: {now, revision ('' if nothing stands), record or false, reservation or false}
local now = now_ms()
local stored = redis.call('HMGET', KEYS[1], 'revision', 'until', 'record', 'reservation')
if not stored[1] or (stored[2] and tonumber(stored[2]) <= now) then
  return {now, '', false, false}
end
return {now, stored[1], stored[3], stored[4]}

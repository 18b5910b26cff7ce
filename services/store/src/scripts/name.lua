-- Gives an alias to a session, unless another has it.
-- KEYS: 1 alias
-- ARGV: 1 id, 2 for how long in ms (0 for a session that runs), 3 the value of another that may be
--       taken from it ('' for none)
-- Result: false, or the value of the other: its id, a space, and when it expires (0 for never)
local now = now_ms()
local value = redis.call('GET', KEYS[1])
if value and value ~= ARGV[3] then
  local space = string.find(value, ' ', 1, true)
  local holder, expiry = string.sub(value, 1, space - 1), tonumber(string.sub(value, space + 1))
  if holder ~= ARGV[1] and (expiry == 0 or expiry > now) then
    return value
  end
end
local ms = tonumber(ARGV[2])
if ms == 0 then
  redis.call('SET', KEYS[1], ARGV[1] .. ' 0', 'PX', whole(INDEX_MS))
else
  redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. whole(now + ms), 'PX', whole(ms + SLACK_MS))
end
return false

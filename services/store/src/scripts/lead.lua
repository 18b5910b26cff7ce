-- Takes the sweep lease, or takes it again.
-- KEYS: 1 the lease
-- ARGV: 1 who wants it, 2 for how long in ms
-- Result: 0 if it is the caller's, else for how many ms it is somebody else's
local now = now_ms()
local held = redis.call('GET', KEYS[1])
if held then
  local expiry, holder = string.match(held, '^(%d+) (.+)$')
  if expiry and holder ~= ARGV[1] and tonumber(expiry) > now then
    return tonumber(expiry) - now
  end
end
redis.call('SET', KEYS[1], whole(now + ARGV[2]) .. ' ' .. ARGV[1], 'PX', whole(ARGV[2] + SLACK_MS))
return 0

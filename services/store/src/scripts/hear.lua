-- Notes that a message came, unless it did before.
-- KEYS: 1 the message
-- ARGV: 1 digest of what it says, 2 how long it is remembered in ms
-- Result: 'first'; 'reused' if the first one said something else; 'under way'; else 'again ' and
--         what it was answered
local now = now_ms()
local first = redis.call('GET', KEYS[1])
if first then
  local expiry, digest, answer = string.match(first, '^(%d+) (%x+) ?(.*)$')
  if tonumber(expiry) > now then
    if digest ~= ARGV[1] then
      return 'reused'
    end
    return answer == '' and 'under way' or 'again ' .. answer
  end
end
redis.call('SET', KEYS[1], whole(now + ARGV[2]) .. ' ' .. ARGV[1], 'PX', whole(ARGV[2] + SLACK_MS))
return 'first'

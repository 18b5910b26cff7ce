-- Frees an alias, or lets it go with the record of a closed session, unless another has it.
-- KEYS: 1 alias
-- ARGV: 1 id, 2 when it goes, in ms; '' for at once
-- Result: 1 if it was this session's, else 0
local value = redis.call('GET', KEYS[1])
if not value or string.sub(value, 1, #ARGV[1] + 1) ~= ARGV[1] .. ' ' then
  return 0
end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  local left = math.max(tonumber(ARGV[2]) - now_ms(), 0)
  redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'PX', whole(left + SLACK_MS))
end
return 1

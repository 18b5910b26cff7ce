-- Notes what a message is answered.
-- KEYS: 1 the message
-- ARGV: 1 digest of what it says, 2 the answer
-- Result: 1; 0 if it is not remembered any more, or is another one
local first = redis.call('GET', KEYS[1])
local expiry, digest = string.match(first or '', '^(%d+) (%x+)')
if digest ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], expiry .. ' ' .. digest .. ' ' .. ARGV[2], 'KEEPTTL')
return 1

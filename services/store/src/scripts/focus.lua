-- Writes a focus set if nobody wrote since it was read, and tells every step to it.
-- KEYS: 1 focus, 2 the project's sessions
-- ARGV: 1 the text that was read ('' for none), 2 the new text, 3 how long it is kept in ms (0 for
--       ever), 4 channel, 5 how many sessions gain the focus, then their ids, then what is told
-- Result: 'put', 'moved' if somebody else wrote, 'missing' if one of them is no session (any more)
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
  return 'moved'
end
local told = 6 + tonumber(ARGV[5])
for at = 6, told - 1 do
  if not redis.call('ZSCORE', KEYS[2], ARGV[at]) then
    return 'missing'
  end
end
if ARGV[3] == '0' then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
-- The last argument is the clock's.
for at = told, #ARGV - 1 do
  redis.call('PUBLISH', ARGV[4], ARGV[at])
end
return 'put'

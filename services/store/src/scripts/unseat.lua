-- Frees the places of a user's sockets.
-- KEYS: 1 the user's sockets, 2 those that were replaced
-- ARGV: 1… the sockets
-- Result: how many had one
local freed = 0
for at = 1, #ARGV - 1 do
  freed = freed + redis.call('ZREM', KEYS[1], ARGV[at])
  redis.call('ZREM', KEYS[2], ARGV[at])
end
return freed

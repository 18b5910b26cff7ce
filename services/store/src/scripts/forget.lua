-- Frees the key of a request whose session could not be made.
-- KEYS: 1 the user's requests
-- ARGV: 1 idempotency key, 2 id of that session
-- Result: 1 if it was this session's, else 0
local first = redis.call('HGET', KEYS[1], ARGV[1])
if first and string.match(first, '^%d+ %x+ (.+)$') == ARGV[2] then
  return redis.call('HDEL', KEYS[1], ARGV[1])
end
return 0

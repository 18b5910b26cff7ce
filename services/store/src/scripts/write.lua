-- Writes a record if nobody wrote since it was read, with its place in the project, and tells. A
-- session that closes or is suspended loses its focus with it.
-- KEYS: 1 session, 2 the project's sessions, 3 its reservations, 4 its version, 5 its focus
-- ARGV: 1 revision that was read ('' for nothing), 2 id, 3 record, 4 epoch, 5 owner,
--       6 last activity in ms, 7 when the record of a closed session goes ('' of an open one),
--       8 channel, 9 what to tell ('' for nothing), 10 '1' if the session must not be focused after,
--       11 the focus that was read ('' for none), 12 the focus without it ('' if it has none),
--       13 what is told of that, 14 how long it is kept in ms (0 for ever),
--       15 channel of the tenant's creations ('' if it is none), 16 what to tell there
-- Result: 1 if it was written, 0 if somebody else wrote or the reservation expired
local now = now_ms()
local stored = redis.call('HMGET', KEYS[1], 'revision', 'until', 'epoch')
local revision = stored[1] or ''
if stored[2] and tonumber(stored[2]) <= now then
  revision, stored[3] = '', false
end
if revision ~= ARGV[1] then
  return 0
end
-- The revision says so already; but no writer, however wrong, shall take an epoch back.
if stored[3] and tonumber(stored[3]) > tonumber(ARGV[4]) then
  return 0
end
if ARGV[10] == '1' and (redis.call('GET', KEYS[5]) or '') ~= ARGV[11] then
  return 0
end
local version = math.max(now, tonumber(redis.call('GET', KEYS[4]) or '0') + 1)
redis.call('SET', KEYS[4], whole(version), 'PX', SLACK_MS)
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'record', ARGV[3], 'revision', whole(version), 'epoch', ARGV[4],
  'owner', ARGV[5])
redis.call('ZREM', KEYS[3], ARGV[2])
if ARGV[7] == '' then
  redis.call('ZADD', KEYS[2], ARGV[6], ARGV[2])
else
  redis.call('HSET', KEYS[1], 'until', ARGV[7])
  redis.call('PEXPIRE', KEYS[1], whole(math.max(tonumber(ARGV[7]) - now, 0) + SLACK_MS))
  redis.call('ZREM', KEYS[2], ARGV[2])
end
if ARGV[9] ~= '' then
  redis.call('PUBLISH', ARGV[8], '{"session":{"what":"' .. ARGV[9] .. '","id":"' .. ARGV[2]
    .. '","version":' .. whole(version) .. '}}')
end
if ARGV[15] ~= '' then
  redis.call('PUBLISH', ARGV[15], ARGV[16])
end
if ARGV[12] ~= '' then
  if ARGV[14] == '0' then
    redis.call('SET', KEYS[5], ARGV[12])
  else
    redis.call('SET', KEYS[5], ARGV[12], 'PX', ARGV[14])
  end
  redis.call('PUBLISH', ARGV[8], ARGV[13])
end
return 1

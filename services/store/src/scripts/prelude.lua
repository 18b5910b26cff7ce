-- The store's clock in milliseconds: this server's, and in tests some way ahead of it.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[#ARGV])
end
-- The same in microseconds.
local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2] + tonumber(ARGV[#ARGV]) * 1000
end
-- A whole number as text: Lua alone would write a large one with an exponent.
local function whole(number)
  return string.format('%.0f', number)
end
-- Nobody's key goes before its time, and every key goes some time after it, also if clocks differ.
local SLACK_MS = 60000
-- How long what can be found out from the records (who has an alias, what a user has) is kept
-- without being written again. Workers assert every 30 s, so it only ever ends what is nobody's.
local INDEX_MS = 86400000
-- Scores of a user's sessions: that of a reservation is when it expires, that of a session is this
-- much and when it was last confirmed, so that it never expires and each writing is told apart.
local CONFIRMED = 1e15

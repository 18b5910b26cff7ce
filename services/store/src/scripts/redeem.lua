-- Takes a ticket.
-- KEYS: 1 the ticket
-- ARGV: none
-- Result: its bearer; false if there is none or it is late
local issued = redis.call('GETDEL', KEYS[1])
if not issued then
  return false
end
local expiry, bearer = string.match(issued, '^(%d+) (.+)$')
return tonumber(expiry) > now_ms() and bearer

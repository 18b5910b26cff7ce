-- Notes a ticket.
-- KEYS: 1 the ticket
-- ARGV: 1 its bearer, 2 how long it is good in ms
-- Result: 1
redis.call('SET', KEYS[1], whole(now_ms() + ARGV[2]) .. ' ' .. ARGV[1], 'PX', whole(ARGV[2] + SLACK_MS))
return 1

-- Lists the incarnations whose lease stands.
-- KEYS: 1 all workers
-- ARGV: 1 how many at most
-- Result: their keys
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. whole(now_ms()), '+inf', 'LIMIT', 0, ARGV[1])

-- Reads the store's clock, where the keys of one hash tag are.
-- KEYS: 1 any key of that tag
-- ARGV: none
-- Result: now, in ms
return now_ms()

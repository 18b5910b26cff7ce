-- Reads what incarnations say of themselves.
-- KEYS: the incarnations
-- ARGV: none
-- Result: {since, said} of each, without those that are gone
local all = {}
for _, key in ipairs(KEYS) do
  local found = redis.call('HMGET', key, 'since', 'said')
  if found[1] and found[2] then
    table.insert(all, found)
  end
end
return all

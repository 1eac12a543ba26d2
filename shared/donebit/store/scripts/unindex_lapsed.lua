-- unindex_lapsed: leave leases out that were looked at, unless they have been entered again meanwhile.
-- KEYS[1] the leases of all tasks that are looked at (zset, by the ms at which they expire)
-- ARGV[1..] two for each: its name, and its score as it was found
-- returns how many are out
-- Why a script: a lease renewed between the look and the removal would be found by nobody when it runs out.
local gone = 0
for i = 1, #ARGV, 2 do
  if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i]) or -1) == tonumber(ARGV[i + 1]) then
    gone = gone + redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
return gone

-- lapsed_leases: the leases that have run out by the server's clock.
-- KEYS[1] the leases of all tasks (zset, by the ms at which they expire)
-- ARGV[1] how many at most
-- returns for each its name and its score
-- Why a script: no other clock counts, and one round trip is made each second.
-- changes nothing
local time = redis.call('TIME')
return redis.call('ZRANGEBYSCORE', KEYS[1], 0, time[1] * 1000 + math.floor(time[2] / 1000),
  'WITHSCORES', 'LIMIT', 0, ARGV[1])

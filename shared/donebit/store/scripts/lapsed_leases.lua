-- lapsed_leases: the leases that have run out by the server's clock, or that it was set back for.
-- KEYS[1] the leases of all tasks (zset, by the ms at which they expire)
-- ARGV[1] how many at most
-- returns for each its name and its score
-- Why a script: no other clock counts, and one round trip is made each second.
-- changes nothing
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('ZRANGEBYSCORE', KEYS[1], 0, now, 'WITHSCORES', 'LIMIT', 0, ARGV[1])
if #found > 0 then return found end
-- Those that run for long were taken before the server's clock was set back: processes that live renew theirs.
return redis.call('ZRANGEBYSCORE', KEYS[1], now + 600000, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[1])

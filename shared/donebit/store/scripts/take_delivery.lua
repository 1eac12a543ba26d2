-- take_delivery: let one caller try a delivery that is due, for as long as its lease runs.
-- KEYS[1] the deliveries by their next attempt (sorted set)
-- ARGV[1] the delivery   ARGV[2] now in ms   ARGV[3] when the lease ends
-- returns 1 when the caller is the one to try, 0 when it is not due, another's, or gone
-- Why a script: every worker looks for what is due. A lease and not a removal: a worker that dies while
--               it tries must not take the delivery with it.
local at = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not at or tonumber(at) > tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return 1

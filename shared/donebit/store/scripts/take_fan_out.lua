-- take_fan_out: let one caller send the steps of a task that nobody has sent, for as long as its lease runs.
-- KEYS[1] the task's record (hash)
-- ARGV[1] its nonce   ARGV[2] now in ms   ARGV[3] the lease in ms
-- returns 1 when the caller is the one to send them, 0 when another is, or it is done or paused
-- Why a script: requests that waited are served at the same moment, and 100,000 messages must not be sent
--               by each. A lease and not a flag: a process that dies half way is followed by another.
local r = redis.call('HMGET', KEYS[1], 'nonce', 'dispatched_at', 'dispatching_at', 'paused_at')
if r[1] ~= ARGV[1] or r[2] or r[4] then return 0 end
-- A time far ahead is of a clock that was set back since.
if r[3] and math.abs(ARGV[2] - r[3]) < tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], 'dispatching_at', ARGV[2])
return 1

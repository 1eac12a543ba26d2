-- update_record: write fields into the record of a task that is still the one meant, in the run meant.
-- KEYS[1] the task's record (hash)
-- ARGV[1] its nonce   ARGV[2] its run   ARGV[3] how often it has been paused, '' for any number
-- ARGV[4..] fields and values, in turn
-- returns 1 when written, 0 when that task is gone, or has been resumed or paused since
-- Why a script: HSET on an expired record would make a new one, without a count and without a TTL; and what
--               was noted of one run must not be believed of the next.
local r = redis.call('HMGET', KEYS[1], 'nonce', 'run', 'pauses')
if r[1] ~= ARGV[1] or r[2] ~= ARGV[2] or (ARGV[3] ~= '' and ARGV[3] ~= (r[3] or '0')) then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
return 1

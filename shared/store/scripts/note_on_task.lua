-- note_on_task: write fields into the record of a task that is still the one meant.
-- KEYS[1] the task's record (hash)
-- ARGV[1] its nonce   ARGV[2..] fields and values, in turn
-- returns 1 when written, 0 when that task is gone
-- Why a script: HSET on an expired record would make a new one, without a count and without a TTL.
if redis.call('HGET', KEYS[1], 'nonce') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1

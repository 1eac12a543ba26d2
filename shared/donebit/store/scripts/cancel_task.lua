-- cancel_task: end a running task before its steps are.
-- KEYS[1] the task's bitmap   KEYS[2] the task's record (hash)
-- ARGV[1] now in ms   ARGV[2] the caller's token
-- returns false for an unknown task, else {whether this call cancelled it, state}
-- Why a script: the last step may be marked at the same moment; only one of the two ends is claimed.
local r = redis.call('HMGET', KEYS[2], 'state', 'claim', 'ttl')
if not r[1] or (r[1] ~= 'done' and redis.call('EXISTS', KEYS[1]) == 0) then return false end
if r[1] ~= 'running' then return {r[1] == 'cancelled' and r[2] == ARGV[2] and 1 or 0, r[1]} end
redis.call('HSET', KEYS[2], 'state', 'cancelled', 'ended_at', ARGV[1], 'claim', ARGV[2])
redis.call('PEXPIRE', KEYS[1], r[3])
redis.call('PEXPIRE', KEYS[2], r[3])
return {1, 'cancelled'}

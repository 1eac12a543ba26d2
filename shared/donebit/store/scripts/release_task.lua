-- release_task: let a task expire as ended tasks do, once every delivery of its end is made or given up.
-- KEYS[1] the task's record (hash)   KEYS[2..] the task's other keys
-- ARGV[1] its nonce   ARGV[2] its run
-- returns 1 when it will go, 0 when that task is gone, has been resumed, or its end is not announced yet
-- Why a script: a task that was resumed meanwhile must not have the TTL of an ended one, nor one whose
--               announcer may still die, and be followed by another.
local r = redis.call('HMGET', KEYS[1], 'nonce', 'run', 'announced_at', 'ended_ttl')
if r[1] ~= ARGV[1] or r[2] ~= ARGV[2] or not r[3] then return 0 end
for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], r[4]) end
return 1

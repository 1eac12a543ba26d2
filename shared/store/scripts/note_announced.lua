-- note_announced: write down that a task's end is told; from now on it stays as long as was asked for.
-- KEYS[1] the task's record (hash)   KEYS[2] its bitmap   KEYS[3..] what its failures left
-- ARGV[1] its nonce   ARGV[2] its run   ARGV[3] now in ms
-- returns 1 when written, 0 when that task is gone or has been resumed
-- Why a script: a task resumed in between must not count as told, nor have the life of an ended one.
local r = redis.call('HMGET', KEYS[1], 'nonce', 'run', 'told_ttl')
if r[1] ~= ARGV[1] or r[2] ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'announced_at', ARGV[3])
for i = 1, r[3] and #KEYS or 0 do redis.call('PEXPIRE', KEYS[i], r[3]) end
return 1

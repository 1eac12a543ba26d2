-- note_announced: an ended task's end is told; from now on it lives for as long as ended tasks do.
-- KEYS[1] the task's record (hash)   KEYS[2..] the task's other keys
-- ARGV[1] its nonce   ARGV[2] its run   ARGV[3] now in ms   ARGV[4] the least life in ms
-- returns 1 when noted, 0 when that task is gone or has been resumed
-- Why a script: what was told of one run must not be believed of the next. And until it is told, an end
--               lives as long as an open task: it must outlast whatever keeps it from being told.
local r = redis.call('HMGET', KEYS[1], 'nonce', 'run', 'ended_ttl')
if r[1] ~= ARGV[1] or r[2] ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'announced_at', ARGV[3])
for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], math.max(tonumber(r[3]), tonumber(ARGV[4]))) end
return 1

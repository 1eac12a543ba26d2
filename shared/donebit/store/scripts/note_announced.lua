-- note_announced: write down that a task's end is announced; from now on it expires as ended tasks do.
-- KEYS[1] the task's record (hash)   KEYS[2..] the task's other keys
-- ARGV[1] its nonce   ARGV[2] its run   ARGV[3] now in ms   ARGV[4] the least life in ms
-- returns 1 when noted, 2 when it was noted before, 0 when that task is gone or has been resumed
-- Why a script: what was noted of one run must not be believed of the next. And until it is announced, an
--               end has the TTL of an open task: it must outlast what keeps it from being announced.
local r = redis.call('HMGET', KEYS[1], 'nonce', 'run', 'ended_ttl')
if r[1] ~= ARGV[1] or r[2] ~= ARGV[2] then return 0 end
local fresh = redis.call('HSET', KEYS[1], 'announced_at', ARGV[3])
for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], math.max(tonumber(r[3]), tonumber(ARGV[4]))) end
return fresh == 1 and 1 or 2

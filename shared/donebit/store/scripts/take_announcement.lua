-- take_announcement: let one caller announce an ended task, for as long as its lease runs.
-- KEYS[1] the task's record (hash)   KEYS[2] its bitmap   KEYS[3..] the task's other keys
-- ARGV[1] now in ms   ARGV[2] the lease in ms
-- returns the whole record when the caller is the one to announce, false when another is or nothing is to announce
-- Why a script: the message of the claim and the sweep may come at the same moment. A lease and not a
--               flag: a process that dies while announcing must not take the announcement with it. The
--               record is read here: a moment later the task may have been resumed, and not be ended.
local r = redis.call('HMGET', KEYS[1], 'state', 'announced_at', 'announcing_at', 'ttl')
if not r[1] or r[1] == 'running' or r[2] then return false end
-- A record whose bitmap is gone, unless its task is done, is an expired task.
if r[1] ~= 'done' and redis.call('EXISTS', KEYS[2]) == 0 then return false end
-- A time far ahead is of a clock that was set back since.
if r[3] and math.abs(ARGV[1] - r[3]) < tonumber(ARGV[2]) then return false end
redis.call('HSET', KEYS[1], 'announcing_at', ARGV[1])
for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], r[4]) end
return redis.call('HGETALL', KEYS[1])

-- extend_task: move the end marker of a running task, so that it has more steps.
-- KEYS[1] the task's bitmap   KEYS[2] the task's record (hash)
-- ARGV[1] the new count
-- returns false for an unknown task, else {'ok' or 'less', the count before} or {'state', its state}
-- Why a script: the marker, the count and what is left move together, or a step marked in between would
--               find the end where it no longer is.
local r = redis.call('HMGET', KEYS[2], 'state', 'count', 'left')
if not r[1] or (r[1] ~= 'done' and redis.call('EXISTS', KEYS[1]) == 0) then return false end
if r[1] ~= 'running' then return {'state', r[1]} end
local more = ARGV[1] - r[2]
if more <= 0 then return {'less', r[2]} end
redis.call('SETBIT', KEYS[1], ARGV[1], 1)
redis.call('SETBIT', KEYS[1], r[2], 0)
redis.call('HSET', KEYS[2], 'count', ARGV[1], 'left', r[3] + more)
redis.call('HDEL', KEYS[2], 'seen_at', 'seen_left', 'before_at', 'before_left') -- of another number of steps
return {'ok', r[2]}

-- add_part: a chord gets one part more.
-- KEYS[1] the task's bitmap   KEYS[2] its record (hash)
-- ARGV    none
-- returns 'unknown' for no chord, 'late' when it has ended, or 'ok'
-- Why a script: the marker, the count and what is left move together.
local r = redis.call('HMGET', KEYS[2], 'chord', 'state', 'size', 'count', 'left')
if not r[1] then return 'unknown' end
if r[2] ~= 'running' then return 'late' end
redis.call('HINCRBY', KEYS[2], 'added', 1)
if r[3] then
  redis.call('SETBIT', KEYS[1], r[4] + 1, 1)
  redis.call('SETBIT', KEYS[1], r[4], 0)
  redis.call('HSET', KEYS[2], 'count', r[4] + 1, 'left', r[5] + 1)
end
return 'ok'

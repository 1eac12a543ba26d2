-- start_chord: lay down the record, the end marker and the body of a chord whose size is not known yet.
-- KEYS[1] the task's bitmap   KEYS[2] its record (hash)   KEYS[3] its body
-- KEYS[4..] what an earlier task under this id may have left, of which KEYS[5] is whose each step is
-- ARGV[1] the id of the body   ARGV[2] the body   ARGV[3] steps to begin with   ARGV[4] TTL in ms
-- ARGV[5..] the record's fields and values, in turn
-- returns 'new', also for one that was there and whose body is being called; 'same' for a chord with this body;
--               'kept' for a running one with another body, which gets this one; 'taken' when a task that is no chord
--               has the id
-- Why a script: record, marker and body stand together or not at all, and a chord that is applied twice, because
--               what applies it was delivered twice, must not lose the parts that have reported.
local r = redis.call('HMGET', KEYS[2], 'chord', 'state', 'body_id', 'calling_at')
if r[2] and (r[2] == 'done' or redis.call('EXISTS', KEYS[1]) == 1) then
  if not r[1] then return 'taken' end
  if r[3] == ARGV[1] and not r[4] then return 'same' end
  if r[2] == 'running' then
    redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[4])
    redis.call('HSET', KEYS[2], 'body_id', ARGV[1])
    return 'kept'
  end
end
redis.call('UNLINK', unpack(KEYS))
redis.call('SETBIT', KEYS[1], ARGV[3], 1)
redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[4])
redis.call('HSET', KEYS[2], 'chord', 1, 'body_id', ARGV[1], 'added', 0, 'used', 0, unpack(ARGV, 5))
if tonumber(ARGV[3]) > 0 then
  -- In its whole length at once: Redis gives a string that grows up to twice of what it holds.
  redis.call('SETRANGE', KEYS[5], ARGV[3] * 8 - 1, '\0')
  redis.call('PEXPIRE', KEYS[5], ARGV[4])
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 'new'

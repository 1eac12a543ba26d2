-- begin_attempt: count an attempt before it is made, for a step that may not live to report it.
-- KEYS[1] the task's record (hash)   KEYS[2] the attempts, four bits a step   KEYS[3] the task's leases (hash)
-- ARGV[1] the record's nonce   ARGV[2] the step   ARGV[3] attempts it has
-- ARGV[4] '1' for one that was made already: it is counted only if none is
-- ARGV[5] the message that the step came with, '' for none: its lease notes the step, so that an attempt that a
--               shutdown cuts short is taken back, and that the same call after a lost answer counts none
-- returns how many attempts that makes, one more than it has for no further one; 0 for a task that is gone
--               or not running
-- Why a script: BITFIELD on a task that has gone would make a key without a TTL.
local r = redis.call('HMGET', KEYS[1], 'nonce', 'state', 'ttl')
if r[1] ~= ARGV[1] or r[2] ~= 'running' then return 0 end
local tried = redis.call('BITFIELD', KEYS[2], 'GET', 'u4', '#' .. ARGV[2])[1]
if ARGV[4] == '1' and tried > 0 then return tried end
local lease = ARGV[4] ~= '1' and redis.call('HGET', KEYS[3], ARGV[5])
-- A message comes to each step once, so what its lease notes is this attempt, begun before.
if lease and tried > 0 and lease:match(' (%S+) %S+$') == string.format('%d', ARGV[2] + 1) then return tried end
if tried < tonumber(ARGV[3]) then
  redis.call('BITFIELD', KEYS[2], 'INCRBY', 'u4', '#' .. ARGV[2], 1)
  if lease then
    redis.call('HSET', KEYS[3], ARGV[5], (lease:gsub(' %S+ (%S+)$', string.format(' %d %%1', ARGV[2] + 1))))
  end
end
redis.call('PEXPIRE', KEYS[2], r[3])
return tried + 1

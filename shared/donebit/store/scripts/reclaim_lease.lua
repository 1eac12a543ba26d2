-- reclaim_lease: claim a lease that has run out, so that its steps can be sent to another process.
-- KEYS[1] the task's leases (hash)   KEYS[2] the task's attempts, four bits a step   KEYS[3] its record (hash)
-- KEYS[4] set while one caller reclaims this lease
-- ARGV[1] the message's id   ARGV[2] for how long others leave it to this caller (ms)
-- returns false when it was given up, else {ms that it still runs or is left to another caller, state, 1 when an
--               attempt was counted beforehand, ranges as a-b,c-d}; it is reclaimed when the first is 0
-- Why a script: the steps are sent by one of those who see it, and an attempt that a shutdown cut short, which
--               is no failure of the step, is taken back once. The lease stays until they are sent: the answer
--               may be lost, and the caller may die.
local lease = redis.call('HGET', KEYS[1], ARGV[1])
if not lease then return false end
local expires, state, counted, ranges = string.match(lease, '^(%d+) (%a+) %S+ %d+ %S+ %S+ (%S+) (%S+)$')
if state == 'died' then return false end
local time = redis.call('TIME')
local left = expires - (time[1] * 1000 + math.floor(time[2] / 1000))
-- One that runs for long was taken before the server's clock was set back: a process that lives renews its own.
if left > 0 and left < 600000 then return {left, state, 0, ranges} end
if redis.call('HGET', KEYS[3], 'state') ~= 'running' then
  redis.call('HDEL', KEYS[1], ARGV[1])
  return false
end
if not redis.call('SET', KEYS[4], '1', 'NX', 'PX', ARGV[2]) then
  return {math.max(1, redis.call('PTTL', KEYS[4])), state, 0, ranges}
end
if state ~= 'running' and counted ~= '0' and redis.call('BITFIELD', KEYS[2], 'GET', 'u4', '#' .. counted - 1)[1] > 0 then
  redis.call('BITFIELD', KEYS[2], 'INCRBY', 'u4', '#' .. counted - 1, -1)
  local before, after = string.match(lease, '^(%d+ %a+ %S+ %d+ %S+ %S+) %S+( %S+)$')
  redis.call('HSET', KEYS[1], ARGV[1], before .. ' 0' .. after)
end
return {0, state, counted ~= '0' and 1 or 0, ranges}

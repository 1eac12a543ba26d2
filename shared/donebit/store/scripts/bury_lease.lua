-- bury_lease: a process died at a message, and its worker lives; it ran the steps at its own risk, or was stopped.
-- KEYS[1] the task's leases (hash)   KEYS[2] the task's attempts, four bits a step
-- ARGV[1] the message's id   ARGV[2] the worker   ARGV[3] the process, '0' for any   ARGV[4] '1' when the worker ends
-- returns 1 when it had the lease
-- Why a script: an attempt that a shutdown cut short is taken back once.
local lease = redis.call('HGET', KEYS[1], ARGV[1])
if not lease then return 0 end
local worker, process, counted, ranges = string.match(lease, '^%d+ %a+ (%S+) (%d+) %S+ %S+ (%S+) (%S+)$')
if worker ~= ARGV[2] or (process ~= ARGV[3] and ARGV[3] ~= '0') then return 0 end
if ARGV[4] ~= '1' then
  redis.call('HSET', KEYS[1], ARGV[1], string.format('0 died %s %s - 0 0 %s', worker, process, ranges))
  return 1
end
redis.call('HDEL', KEYS[1], ARGV[1])
if counted ~= '0' and redis.call('BITFIELD', KEYS[2], 'GET', 'u4', '#' .. counted - 1)[1] > 0 then
  redis.call('BITFIELD', KEYS[2], 'INCRBY', 'u4', '#' .. counted - 1, -1)
end
return 1

-- hand_over_lease: of a message's steps keep the one that runs; its worker ends, and another runs the others.
-- KEYS[1] the task's leases (hash)
-- ARGV[1] the message's id   ARGV[2] the worker   ARGV[3] the process   ARGV[4] the step that runs
-- returns the ranges that were held as a-b,c-d when they are handed over now, false otherwise
-- Why a script: the process may end its message at this moment, and the others must be sent once.
local lease = redis.call('HGET', KEYS[1], ARGV[1])
if not lease then return false end
local expires, state, worker, process, since, counted, ranges =
  string.match(lease, '^(%d+) (%a+) (%S+) (%d+) %S+ (%S+) (%S+) (%S+)$')
if worker ~= ARGV[2] or process ~= ARGV[3] or state == 'ending' or state == 'died' then return false end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%s ending %s %s %s %s %s %d-%d', expires, worker, process, ARGV[4],
  since, counted, ARGV[4], ARGV[4] + 1))
return ranges

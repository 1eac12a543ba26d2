-- narrow_lease: keep of a message's steps only the one that runs, once the others are sent to other workers.
-- KEYS[1] the task's leases (hash)
-- ARGV[1] the message's id   ARGV[2] the worker   ARGV[3] the process   ARGV[4] the step that runs
-- returns 1 when it had the lease and the steps were being handed over
-- Why a script: the process may end its message at this moment, and must not have a lease again.
local lease = redis.call('HGET', KEYS[1], ARGV[1])
if not lease then return 0 end
local expires, state, worker, process, since, counted =
  string.match(lease, '^(%d+) (%a+) (%S+) (%d+) %S+ (%S+) (%S+) %S+$')
if worker ~= ARGV[2] or process ~= ARGV[3] or state ~= 'handing' then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%s ending %s %s %s %s %s %d-%d', expires, worker, process, ARGV[4],
  since, counted, ARGV[4], ARGV[4] + 1))
return 1

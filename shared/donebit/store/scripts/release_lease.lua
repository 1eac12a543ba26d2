-- release_lease: give up the lease on a message's steps, once they have run.
-- KEYS[1] the task's leases (hash)
-- ARGV[1] the message's id   ARGV[2] the worker   ARGV[3] the process
-- returns 1 when the worker has sent the steps not begun to another, 0 otherwise
-- Why a script: a lease that another process has by now must stay, and the steps not begun are sent once.
local lease = redis.call('HGET', KEYS[1], ARGV[1])
if not lease then return 0 end
local state, worker, process = string.match(lease, '^%d+ (%a+) (%S+) (%d+) ')
if worker ~= ARGV[2] or process ~= ARGV[3] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
return state == 'ending' and 1 or 0

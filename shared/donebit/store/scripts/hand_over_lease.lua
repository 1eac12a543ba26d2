-- hand_over_lease: let others take a message's steps but the one that runs, as its worker or its run ends.
-- KEYS[1] the task's leases (hash)
-- ARGV[1] the message's id   ARGV[2] the worker   ARGV[3] the process   ARGV[4] the step that runs, '-' for none
-- returns {the ranges that are held as a-b,c-d, 1 when an attempt was counted beforehand} when they are still to be
--               sent, false otherwise
-- Why a script: the process may end its message at this moment.
-- The lease keeps all of its ranges until narrow_lease, so that they are sent again if this answer is lost, or if
--               the caller dies before it has sent them.
local lease = redis.call('HGET', KEYS[1], ARGV[1])
if not lease then return false end
local expires, state, worker, process, since, counted, ranges =
  string.match(lease, '^(%d+) (%a+) (%S+) (%d+) %S+ (%S+) (%S+) (%S+)$')
if worker ~= ARGV[2] or process ~= ARGV[3] or state == 'ending' or state == 'died' then return false end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%s handing %s %s %s %s %s %s', expires, worker, process, ARGV[4],
  since, counted, ranges))
return {ranges, counted ~= '0' and 1 or 0}

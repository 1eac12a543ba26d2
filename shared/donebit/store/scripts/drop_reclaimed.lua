-- drop_reclaimed: drop a lease whose steps have been sent again, and let others reclaim a later one.
-- KEYS[1] the task's leases (hash)   KEYS[2] set while one caller reclaims this lease
-- ARGV[1] the message's id
-- returns 1 when it is dropped, 0 when it lives again, or says that its process died
-- Why a script: a worker that was paused may have renewed it meanwhile, and runs its steps; only the server's clock
--               says whether it has still run out.
redis.call('UNLINK', KEYS[2])
local lease = redis.call('HGET', KEYS[1], ARGV[1])
if not lease then return 0 end
local expires, state = string.match(lease, '^(%d+) (%a+)')
local time = redis.call('TIME')
local left = expires - (time[1] * 1000 + math.floor(time[2] / 1000))
if state == 'died' or left > 0 and left < 600000 then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])

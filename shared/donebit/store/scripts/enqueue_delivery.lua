-- enqueue_delivery: keep a delivery of a task's end, before it is tried.
-- KEYS[1] the task's record (hash)   KEYS[2] its deliveries (hash)
-- ARGV[1] the record's nonce   ARGV[2] TTL in ms   ARGV[3] the delivery's name   ARGV[4] it
-- returns 'new' when it is kept by this call, 'kept' when it was before, false when that task is gone
-- Why a script: a task deleted in between must not leave its deliveries, nor one made under its id get them;
--               and what another announcer has kept, and tried, must not be forgotten.
if redis.call('HGET', KEYS[1], 'nonce') ~= ARGV[1] then return false end
local fresh = redis.call('HSETNX', KEYS[2], ARGV[3], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return fresh == 1 and 'new' or 'kept'

-- note_seen: note that something met an expectation in a minute.
-- KEYS[1] the expectation (hash)   KEYS[2] the minutes (sorted set)
-- ARGV[1] its created_at, as it was read   ARGV[2] the minute in ms
-- ARGV[3] a minute noted before that says no more, and is dropped; or empty
-- ARGV[4] how many are kept   ARGV[5] for how long in ms
-- returns 1 when it is noted, 0 when the expectation is gone or has changed
-- Why a script: who notes has read the expectation seconds ago, and what met it then may not meet it now.
if redis.call('HGET', KEYS[1], 'created_at') ~= ARGV[1] then return 0 end
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[2])
if ARGV[3] ~= '' then redis.call('ZREM', KEYS[2], ARGV[3]) end
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1

-- close_chord: write down that the body of an ended chord is called, and drop what was kept for that.
-- KEYS[1] the chord's record (hash)   KEYS[2] its body   KEYS[3] its results   KEYS[4] whose each step is
-- KEYS[5] parts without a step of their own   KEYS[6] ended chords whose body is to be called (sorted set)
-- KEYS[7] tasks not yet announced (sorted set)   KEYS[8..] the task's other keys
-- ARGV[1] the chord's task id   ARGV[2] the caller's token, or the record's nonce: the body itself has begun
-- returns 1 when noted, 0 when another caller took the chord or it is gone
-- Why a script: the results of a chord that was started again under the same id must not be dropped.
local r = redis.call('HMGET', KEYS[1], 'caller', 'state', 'ended_ttl', 'nonce')
if (r[1] ~= ARGV[2] and r[4] ~= ARGV[2]) or r[2] == 'running' then return 0 end
local clock = redis.call('TIME')
redis.call('HSET', KEYS[1], 'called_at', clock[1] * 1000 + math.floor(clock[2] / 1000))
redis.call('HSETNX', KEYS[1], 'announced_at', clock[1] * 1000 + math.floor(clock[2] / 1000))
redis.call('UNLINK', unpack(KEYS, 2, 5))
redis.call('ZREM', KEYS[6], ARGV[1])
redis.call('ZREM', KEYS[7], ARGV[1])
redis.call('PEXPIRE', KEYS[1], r[3])
for i = 8, #KEYS do redis.call('PEXPIRE', KEYS[i], r[3]) end
return 1

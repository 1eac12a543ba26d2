-- hold_chord: write down that the body of an ended chord is being called now, and renew the caller's lease.
-- KEYS[1] ended chords whose body is to be called (sorted set)   KEYS[2] the chord's record (hash)
-- ARGV[1] the chord's task id   ARGV[2] the caller's token   ARGV[3] the lease in ms
-- returns the record's nonce when the caller may call it, false when another may by now, or it is called
-- Why a script: two callers must not both believe it.
local r = redis.call('HMGET', KEYS[2], 'caller', 'called_at', 'nonce')
if r[1] ~= ARGV[2] or r[2] then return false end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('HSET', KEYS[2], 'calling_at', now)
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
return r[3]

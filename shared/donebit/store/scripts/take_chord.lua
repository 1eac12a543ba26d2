-- take_chord: let one caller call the body of an ended chord, for as long as its lease runs.
-- KEYS[1] ended chords whose body is to be called (sorted set)   KEYS[2] the chord's record (hash)
-- ARGV[1] the chord's task id   ARGV[2] the caller's token   ARGV[3] the lease in ms
-- returns 1 when the caller is the one; 2 when an earlier one may have called it before it died; 0 when another is,
--               or nothing is to be called
-- Why a script: several sweeps look at the same moment.
local due = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not due then return 0 end
local r = redis.call('HMGET', KEYS[2], 'state', 'called_at', 'calling_at')
if not r[1] or r[2] or r[1] == 'running' then -- gone, called, or applied again
  redis.call('ZREM', KEYS[1], ARGV[1])
  return 0
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if tonumber(due) > now then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[2], 'caller', ARGV[2])
return r[3] and 2 or 1

-- renew_permit: keep a permit of a process that lives.
-- KEYS[1] the permits (sorted set: holder by when its permit runs out in ms)
-- ARGV[1] the holder   ARGV[2] the permit in ms   ARGV[3] TTL of the key in ms
-- returns 1 when it is renewed, 0 when the holder has none, or it has run out
-- Why a script: one that has run out may be another's by now, and only the server's clock counts.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local own = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not own or tonumber(own) <= now then return 0 end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1

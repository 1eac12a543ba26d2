-- take_permit: let a process run steps of what may only run so often at once, if there is room.
-- KEYS[1] the permits (sorted set: holder by when its permit runs out in ms)
-- ARGV[1] the holder   ARGV[2] how many there may be   ARGV[3] the permit in ms   ARGV[4] TTL of the key in ms
-- returns 1 when the holder has a permit, 0 when there is no room
-- Why a script: of two that ask at once for the last permit only one may get it, and only the server's clock counts.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- One that runs for long was taken before the server's clock was set back: a process that lives renews its own.
redis.call('ZREMRANGEBYSCORE', KEYS[1], string.format('%.0f', now + 600000), '+inf')
if redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', now), '+inf') >= tonumber(ARGV[2]) then
  local own = redis.call('ZSCORE', KEYS[1], ARGV[1])
  if not own or tonumber(own) <= now then return 0 end
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[3]), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1

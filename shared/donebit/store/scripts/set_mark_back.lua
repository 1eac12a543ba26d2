-- set_mark_back: move the mark of a schedule or an expectation back, as the server's clock was.
-- KEYS[1] the schedule or the expectation (hash)
-- ARGV[1] its version, ARGV[2] its mark, as they were read   ARGV[3] the new mark in ms
-- returns 1 when it is moved, 0 when it is gone or has changed
-- Why a script: another look may have moved it meanwhile, and started what comes after it.
local asked = redis.call('HMGET', KEYS[1], 'version', 'mark', 'missed_at', 'created_at')
if asked[1] ~= ARGV[1] or asked[2] ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'mark', ARGV[3])
redis.call('HDEL', KEYS[1], 'queued', 'gaps') -- firings that have not come yet by the clock as it is
-- A deadline that was missed is announced as met again by what comes after it: it must not be ahead.
if asked[3] and tonumber(asked[3]) > tonumber(ARGV[3]) then redis.call('HSET', KEYS[1], 'missed_at', ARGV[3]) end
-- What came before it was made does not meet it.
if tonumber(asked[4]) > tonumber(ARGV[3]) then redis.call('HSET', KEYS[1], 'created_at', ARGV[3]) end
return 1

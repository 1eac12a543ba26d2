-- pass_firings: move a schedule's mark past firings that are left out.
-- KEYS[1] the schedule (hash)
-- ARGV[1] the schedule's version, ARGV[2] its mark, as they were read   ARGV[3] the new mark in ms
-- ARGV[4] how many firings are left out
-- returns 1 when it has moved, 0 when the schedule is paused, gone or has changed
-- Why a script: another look may have started one of them meanwhile, and must not find the mark moved back.
local asked = redis.call('HMGET', KEYS[1], 'version', 'mark', 'paused_at')
if asked[1] ~= ARGV[1] or asked[2] ~= ARGV[2] or asked[3] then return 0 end
redis.call('HSET', KEYS[1], 'mark', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'missed', ARGV[4])
return 1

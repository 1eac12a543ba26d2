-- pass_firings: move a schedule's mark past firings that are left out, or leave them out of those that wait.
-- KEYS[1] the schedule (hash)
-- ARGV[1] the schedule's version, ARGV[2] its mark, as they were read   ARGV[3] the new mark in ms
-- ARGV[4] how many firings are left out   ARGV[5] up to when firings were queued in ms, as it was read, or empty
-- ARGV[6] whether some of them wait: 1 or 0
-- returns 1 when they are left out, 0 when the schedule is paused, gone or has changed
-- Why a script: another look may have started one of them meanwhile, and must not find the mark moved back.
local asked = redis.call('HMGET', KEYS[1], 'version', 'mark', 'paused_at', 'queued', 'gaps')
if asked[1] ~= ARGV[1] or asked[2] ~= ARGV[2] or asked[3] or (asked[4] or '') ~= ARGV[5] then return 0 end
if ARGV[6] == '1' then
  local gaps = (asked[5] and asked[5] .. ' ' or '') .. ARGV[5] .. '-' .. ARGV[3]
  redis.call('HSET', KEYS[1], 'queued', ARGV[3], 'gaps', gaps)
else
  redis.call('HSET', KEYS[1], 'mark', ARGV[3])
  redis.call('HDEL', KEYS[1], 'gaps')
end
redis.call('HINCRBY', KEYS[1], 'missed', ARGV[4])
return 1

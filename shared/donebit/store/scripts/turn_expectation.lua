-- turn_expectation: note that an expectation was missed, or is met again, and start the task that announces it.
-- needs: start_task
-- KEYS[1] the expectation (hash)
-- KEYS[2..] of the announcing task, as start_task has them: its bitmap, its record and the others
-- ARGV[1] the expectation's version, ARGV[2] its mark, as they were read   ARGV[3] the new mark in ms
-- ARGV[4] the deadline in ms that was missed; empty when it is met again
-- ARGV[5..] as start_task has them
-- returns 1 when it is noted, 0 when another look was faster, or the expectation is gone or has changed
-- Why a script: between the note and the announcement nothing can crash, so there is one announcement of each,
--               however many look. All these keys have one slot: the id of the task is made so.
local asked = redis.call('HMGET', KEYS[1], 'version', 'mark', 'missed_at')
if asked[1] ~= ARGV[1] or asked[2] ~= ARGV[2] then return 0 end
if (ARGV[4] ~= '') == (asked[3] ~= false) then return 0 end -- it is so already
redis.call('HSET', KEYS[1], 'mark', ARGV[3])
if ARGV[4] == '' then
  redis.call('HDEL', KEYS[1], 'missed_at')
else
  redis.call('HSET', KEYS[1], 'missed_at', ARGV[4])
  redis.call('HINCRBY', KEYS[1], 'missed', 1)
end
start_task({unpack(KEYS, 2)}, {unpack(ARGV, 5)})
return 1

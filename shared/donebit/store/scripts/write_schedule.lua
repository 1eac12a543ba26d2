-- write_schedule: write fields of a schedule, as long as it is as the caller thinks.
-- KEYS[1] the schedule (hash)
-- ARGV[1] how it must be: absent, present, running (not paused), paused, or any
-- ARGV[2] now in ms, which its mark becomes at least; empty to leave the mark as it is
-- ARGV[3] how many of what follows are fields to remove   ARGV[4..] those, then fields and values, in turn
-- returns 1 when it is written, 0 when it is not as it must be
-- Why a script: a schedule that is deleted meanwhile must not come back in part, nor a mark go back.
local there = redis.call('EXISTS', KEYS[1]) == 1
local paused = there and redis.call('HEXISTS', KEYS[1], 'paused_at') == 1
local is = {absent = not there, present = there, running = there and not paused, paused = paused, any = true}
if not is[ARGV[1]] then return 0 end
local first = 4 + ARGV[3]
redis.call('HSET', KEYS[1], unpack(ARGV, first))
if ARGV[2] ~= '' then
  local mark = tonumber(redis.call('HGET', KEYS[1], 'mark') or 0)
  if mark < tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], 'mark', ARGV[2]) end
end
if first > 4 then redis.call('HDEL', KEYS[1], unpack(ARGV, 4, first - 1)) end
return 1

-- take_probe: let one caller ask the queue about a running task that has not moved for a while.
-- KEYS[1] the task's record (hash)   KEYS[2..] the task's other keys
-- ARGV[1] now in ms   ARGV[2] how many times its missing steps may be sent again
-- ARGV[3] ms between two looks that are kept
-- ARGV[4] 'some' when living processes run steps of it, 'all' when they run all that are missing, '' otherwise
-- ARGV[5] how far ahead only a clock that was set back since can have written (ms)
-- returns 'fine', 'probe', or 'stalled' (once a stall: the limit is reached and nothing came of it)
-- Why a script: any number of sweeps may look at once, and only one probe may go. The open task's TTL
--               is renewed in the same look. Pauses double with each healing that moved nothing.
local r = redis.call('HMGET', KEYS[1], 'state', 'last_progress_at', 'probed_at', 'heals', 'stall_after', 'stalled_at', 'ttl', 'quiet_until',
  'left', 'seen_at', 'seen_left', 'paused_at', 'open', 'items_bytes')
if r[1] ~= 'running' then return 'fine' end
for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], r[7]) end
if r[12] then return 'fine' end -- it waits for its resume, however long that takes

if math.max(r[2], r[3] or 0) > ARGV[1] + ARGV[5] then -- it waits from now on, not for the clock to be there again
  redis.call('HSET', KEYS[1], 'last_progress_at', ARGV[1])
  redis.call('HDEL', KEYS[1], 'probed_at', 'quiet_until', 'stalled_at', 'seen_at', 'seen_left', 'before_at', 'before_left')
  return 'fine'
end

-- What is left now and two looks ago says how fast it goes. Several sweeps at once leave one look.
if tonumber(ARGV[1]) - tonumber(r[10] or 0) >= tonumber(ARGV[3]) then
  if r[10] then redis.call('HSET', KEYS[1], 'before_at', r[10], 'before_left', r[11]) end
  redis.call('HSET', KEYS[1], 'seen_at', ARGV[1], 'seen_left', r[9])
end

-- What a living process runs moves, however long it takes. An open task without a missing step waits to be closed,
-- and one of items runs none before.
if r[13] and (r[14] or tonumber(r[9]) <= 0) then ARGV[4] = 'all' end
if ARGV[4] ~= '' then redis.call('HDEL', KEYS[1], 'stalled_at') end
if ARGV[4] == 'all' then return 'fine' end

-- A step that waits for its next attempt is no stall.
local now, moved = tonumber(ARGV[1]), math.max(tonumber(r[2]), tonumber(r[8] or 0))
local probed, heals = tonumber(r[3] or 0), tonumber(r[4] or 0)
if moved > probed then
  redis.call('HDEL', KEYS[1], 'heals')
  probed, heals = moved, 0
end
if tonumber(r[6] or 0) >= moved or now - probed < tonumber(r[5]) * 2 ^ heals then return 'fine' end
if heals >= tonumber(ARGV[2]) then
  if ARGV[4] == 'some' then return 'fine' end
  redis.call('HSET', KEYS[1], 'stalled_at', now)
  return 'stalled'
end
redis.call('HSET', KEYS[1], 'probed_at', now)
return 'probe'

-- mark_steps: set the bits of finished steps; say whether this call finished the task.
-- KEYS[1] the task's bitmap   KEYS[2] the task's record (hash)   KEYS[3] optional: where to keep the answer
-- ARGV[1] now in ms   ARGV[2] the caller's token   ARGV[3] the record's nonce, '' for any
-- ARGV[4] how many single steps follow   ARGV[5] '1' to count what is left from the bitmap
-- ARGV[6..] the single steps, then the ranges as pairs: first step, step after the last
-- returns {status, fresh, completed, left, count, failed, state}; status 'unknown', 'range', 'ok'
-- Why a script: SETBIT alone would revive an expired task without marker or TTL, a full bitmap seen by
--               two workers at once would be announced twice, and the counter of what is left must
--               change with the bits or not at all.
local bitmap, record, now = KEYS[1], KEYS[2], tonumber(ARGV[1])
local r = redis.call('HMGET', record, 'count', 'left', 'failed', 'state', 'nonce', 'claim', 'ttl')
local state, left, failed = r[4], tonumber(r[2]), tonumber(r[3])

if KEYS[3] then
  local kept = cjson.decode(redis.call('GET', KEYS[3]) or '[]')
  local nonce = table.remove(kept)
  -- An answer kept for an earlier task under this id says nothing about this one.
  if nonce and (nonce == r[5] or not r[5]) then return kept end
end

if not r[1] or (ARGV[3] ~= '' and ARGV[3] ~= r[5]) then return {'unknown'} end

local count = tonumber(r[1])
for i = 6, #ARGV do
  local step, last = tonumber(ARGV[i]), count - 1
  if i >= 6 + ARGV[4] then last = count end
  -- The step goes back as it came: as a number of Lua's, a large one would be another.
  if step < 0 or step > last then return {'range', ARGV[i], 0, left, count, failed, state} end
end

local function answer(fresh, completed)
  local given = {'ok', fresh, completed, left, count, failed, state}
  if KEYS[3] then
    local kept = {'ok', fresh, completed, left, count, failed, state, r[5]}
    redis.call('SET', KEYS[3], cjson.encode(kept), 'EX', 3600)
  end
  return given
end

if state == 'done' then return answer(0, r[6] == ARGV[2] and 1 or 0) end
-- The end marker is looked for, not assumed: a record whose bitmap is gone is an expired task.
if redis.call('GETBIT', bitmap, count) == 0 then return {'unknown'} end

local function mark_range(start, stop)
  local fresh = stop - start - redis.call('BITCOUNT', bitmap, start, stop - 1, 'BIT')
  if fresh == 0 then return 0 end
  while start < stop and start % 8 ~= 0 do redis.call('SETBIT', bitmap, start, 1); start = start + 1 end
  while start < stop and stop % 8 ~= 0 do stop = stop - 1; redis.call('SETBIT', bitmap, stop, 1) end
  if start < stop then redis.call('SETRANGE', bitmap, start / 8, string.rep('\255', (stop - start) / 8)) end
  return fresh
end

local fresh, first_range = 0, 6 + ARGV[4]
for i = 6, first_range - 1 do
  fresh = fresh + 1 - redis.call('SETBIT', bitmap, ARGV[i], 1)
end
for i = first_range, #ARGV, 2 do
  fresh = fresh + mark_range(tonumber(ARGV[i]), tonumber(ARGV[i + 1]))
end

local function count_left()
  return count - redis.call('BITCOUNT', bitmap, 0, count - 1, 'BIT') - failed
end

if ARGV[5] == '1' then left = count_left() else left = left - fresh end
local completed = 0
if left == 0 and failed == 0 and state == 'running' then
  -- The rule has the last word. No end is given to BITPOS: with one, an all-ones bitmap reads -1.
  if redis.call('BITPOS', bitmap, 0) == redis.call('BITCOUNT', bitmap) then
    state, completed = 'done', 1
  else
    left = count_left()
  end
end

if completed == 1 then
  redis.call('HSET', record, 'left', 0, 'state', state, 'ended_at', now, 'last_progress_at', now, 'claim', ARGV[2])
  redis.call('UNLINK', bitmap)
  redis.call('PEXPIRE', record, redis.call('HGET', record, 'ended_ttl'))
elseif fresh > 0 then
  redis.call('HSET', record, 'left', left, 'last_progress_at', now)
  -- Renewed when a hundredth of it has passed, not with every step. What is left of it tells, and not
  -- the time since the last step: steps without a pause would never renew it.
  if state == 'running' and redis.call('PTTL', bitmap) < r[7] * 0.99 then
    redis.call('PEXPIRE', bitmap, r[7])
    redis.call('PEXPIRE', record, r[7])
  end
elseif left ~= tonumber(r[2]) then
  redis.call('HSET', record, 'left', left)
end
return answer(fresh, completed)

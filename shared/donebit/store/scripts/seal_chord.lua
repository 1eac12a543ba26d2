-- seal_chord: the size of a chord's header is known: its end marker takes its place, and the end may be decided.
-- KEYS[1] the task's bitmap   KEYS[2] its record (hash)   KEYS[3] the bitmap of steps that gave up
-- KEYS[4] whose each step is: eight bytes a step   KEYS[5] parts without a step of their own (hash)
-- KEYS[6] ended chords whose body is to be called (sorted set, of all chords)
-- ARGV[1] the chord's task id   ARGV[2] how many parts its header has   ARGV[3] the caller's token
-- returns 'unknown' for no chord, 'known' when it has ended or its size was told before, 'ok', or 'ended' when every
--               part had reported: the caller is to call the body
-- Why a script: a part that reports in between would find steps that are no longer where they were.
local bitmap, record, failures = KEYS[1], KEYS[2], KEYS[3]
local r = redis.call('HMGET', record, 'chord', 'state', 'count', 'size', 'added', 'ttl')
if not r[1] then return 'unknown' end
if r[2] ~= 'running' or r[4] then return 'known' end
local size, before, count = tonumber(ARGV[2]), tonumber(r[3]), ARGV[2] + r[5]
if redis.call('GETBIT', bitmap, before) == 0 then return 'unknown' end
redis.call('SETBIT', bitmap, before, 0)

-- Bits at or after the size: the indexes of a header may have gaps. They count, in other places.
for i = size, before - 1 do
  local done, gave_up = redis.call('SETBIT', bitmap, i, 0), redis.call('GETBIT', failures, i)
  if gave_up == 1 then redis.call('SETBIT', failures, i, 0) end
  if done + gave_up > 0 then
    redis.call('HSET', KEYS[5], redis.call('GETRANGE', KEYS[4], i * 8, i * 8 + 7), done == 1 and 'd' or 'f')
  end
end
local used, top = 0, size - 1
local beside = redis.call('HGETALL', KEYS[5])
for i = 1, #beside, 2 do
  local slot
  if used < tonumber(r[5]) then
    slot, used = size + used, used + 1
  else
    while top >= 0 and redis.call('GETBIT', bitmap, top) + redis.call('GETBIT', failures, top) > 0 do top = top - 1 end
    slot = top
  end
  if slot >= 0 then
    local reported = beside[i + 1] == 'd' and bitmap or failures
    redis.call('SETBIT', reported, slot, 1)
    redis.call('HSET', KEYS[5], beside[i], slot)
    redis.call('SETRANGE', KEYS[4], slot * 8, beside[i])
  end
end
local gave_up = redis.call('BITCOUNT', failures)
local left = count - redis.call('BITCOUNT', bitmap, 0, math.max(count - 1, 0), 'BIT') - gave_up
redis.call('SETBIT', bitmap, count, 1)
redis.call('HSET', record, 'size', size, 'count', count, 'left', left, 'failed', gave_up, 'used', used, 'top', top)
if left == 0 then
  local clock = redis.call('TIME')
  local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
  redis.call('HSET', record, 'state', gave_up == 0 and 'done' or 'failed', 'ended_at', now, 'claim', ARGV[3])
  redis.call('ZADD', KEYS[6], now, ARGV[1])
  redis.call('PEXPIRE', KEYS[6], math.max(redis.call('PTTL', KEYS[6]), tonumber(r[6])))
  if gave_up == 0 then redis.call('UNLINK', bitmap) end
end
for i = 1, 5 do redis.call('PEXPIRE', KEYS[i], r[6]) end
return left == 0 and 'ended' or 'ok'

-- report_part: a part of a chord has ended: set its bit and keep its result, atomically; say whether it was the last.
-- KEYS[1] the task's bitmap   KEYS[2] its record (hash)   KEYS[3] the bitmap of steps that gave up   KEYS[4] the errors
-- KEYS[5] the results (list)   KEYS[6] whose each step is: eight bytes a step   KEYS[7] parts without a step of
--               their own (hash): whose -> its step, or 'd' or 'f' while the size is not known
-- KEYS[8] the body   KEYS[9] ended chords whose body is to be called (sorted set, of all chords)
-- ARGV[1] the chord's task id   ARGV[2] the caller's token   ARGV[3] whose: eight bytes made of the part's id and index
-- ARGV[4] its index in the header, '' for none   ARGV[5] '1' when it failed   ARGV[6] its result   ARGV[7] the error as
--               JSON   ARGV[8] how many errors are kept   ARGV[9] how long the caller may take to call the body, in ms
-- ARGV[10] the largest index that is a step while the size is not known
-- returns {status, completed}; status 'unknown' for no chord, 'late' when it has ended, 'again' when the part has
--               reported before, 'more' when every step is another's, or 'ok'; completed 1 for the call that is to call
--               the body, and for that same call again
-- Why a script: a part's bit and its result stand together or not at all, so the first result of a part is the only
--               one. The claim and the entry that the sweep looks at come with the last bit: whoever dies afterwards
--               leaves a chord that is called by another.
local bitmap, record, failures = KEYS[1], KEYS[2], KEYS[3]
local r = redis.call('HMGET', record, 'chord', 'state', 'count', 'left', 'failed', 'size', 'used', 'added', 'top',
  'renew_at', 'ttl', 'caller', 'called_at')
local state, count, left, failed, size = r[2], tonumber(r[3]), tonumber(r[4]), tonumber(r[5]), tonumber(r[6])
if not r[1] then return {'unknown', 0} end
if state ~= 'running' then return {'late', r[12] == ARGV[2] and not r[13] and 1 or 0} end
if redis.call('GETBIT', bitmap, count) == 0 then return {'unknown', 0} end -- its bitmap has expired
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local index, slot, beside = tonumber(ARGV[4]), nil, false
if index and (size and index < size or not size) and index < tonumber(ARGV[10]) then
  if not size and index + 2 > count then
    -- One step more than has been seen, which is never done: nothing that counts bits may find the end here.
    redis.call('SETBIT', bitmap, index + 2, 1)
    redis.call('SETBIT', bitmap, count, 0)
    left, count = left + index + 2 - count, index + 2
  end
  if redis.call('GETBIT', bitmap, index) == 0 and redis.call('GETBIT', failures, index) == 0 then
    slot = index
  elseif redis.call('GETRANGE', KEYS[6], index * 8, index * 8 + 7) == ARGV[3] then
    return {'again', 0}
  end
end
if not slot then
  -- Added to the chord, one of several at the end of a chain, or without an index: any free step will do.
  if redis.call('HEXISTS', KEYS[7], ARGV[3]) == 1 then return {'again', 0} end
  beside = ARGV[5] == '1' and 'f' or 'd'
  if size then
    local used, top = tonumber(r[7]), tonumber(r[9] or size - 1)
    if used < tonumber(r[8]) then -- no index leads there
      slot, used = size + used, used + 1
    else
      while top >= 0 and redis.call('GETBIT', bitmap, top) + redis.call('GETBIT', failures, top) > 0 do
        top = top - 1
      end
      if top < 0 then return {'more', 0} end
      slot = top
    end
    beside = slot
    redis.call('HSET', record, 'used', used, 'top', top)
  end
  redis.call('HSET', KEYS[7], ARGV[3], beside)
end

if slot then
  left = left - 1
  if ARGV[5] == '1' then
    failed = failed + 1
    redis.call('SETBIT', failures, slot, 1)
    if failed <= tonumber(ARGV[8]) then redis.call('HSET', KEYS[4], slot, ARGV[7]) end
  else
    redis.call('SETBIT', bitmap, slot, 1)
  end
  redis.call('SETRANGE', KEYS[6], slot * 8, ARGV[3])
end
redis.call('RPUSH', KEYS[5], ARGV[6])
redis.call('HSET', record, 'count', count, 'left', left, 'failed', failed, 'last_progress_at', now)
local first = redis.call('LLEN', KEYS[5]) == 1

if size and left <= 0 then
  left = count - redis.call('BITCOUNT', bitmap, 0, count - 1, 'BIT') - failed
  -- The rule has the last word. No end is given to BITPOS: with one, an all-ones bitmap reads -1.
  local done = failed == 0 and redis.call('BITPOS', bitmap, 0) == redis.call('BITCOUNT', bitmap)
  if left == 0 and (done or failed > 0) then
    redis.call('HSET', record, 'state', done and 'done' or 'failed', 'left', 0, 'ended_at', now, 'claim', ARGV[2],
      'caller', ARGV[2])
    redis.call('ZADD', KEYS[9], now + ARGV[9], ARGV[1])
    redis.call('PEXPIRE', KEYS[9], math.max(redis.call('PTTL', KEYS[9]), tonumber(r[11])))
    if done then redis.call('UNLINK', bitmap) end
    for i = 1, 8 do redis.call('PEXPIRE', KEYS[i], r[11]) end
    return {'ok', 1}
  end
  redis.call('HSET', record, 'left', left)
end
-- Renewed when a hundredth of the TTL has passed, not with every part; what has been made just now always.
if now >= tonumber(r[10]) or first then
  redis.call('HSET', record, 'renew_at', now + math.floor(r[11] / 100))
  for i = 1, 8 do redis.call('PEXPIRE', KEYS[i], r[11]) end
else
  if beside then redis.call('PEXPIRE', KEYS[7], r[11]) end
  if ARGV[5] == '1' then
    redis.call('PEXPIRE', failures, r[11])
    redis.call('PEXPIRE', KEYS[4], r[11])
  end
  if slot then redis.call('PEXPIRE', KEYS[6], r[11]) end
end
return {'ok', 0}

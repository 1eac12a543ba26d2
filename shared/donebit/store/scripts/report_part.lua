-- report_part: a part of a chord has ended: set its bit and keep its result, atomically; say whether it was the last.
-- KEYS[1] the task's bitmap   KEYS[2] its record (hash)   KEYS[3] the bitmap of steps that gave up   KEYS[4] the errors
-- KEYS[5] the results (list)   KEYS[6] whose each step is: eight bytes a step   KEYS[7] parts without a step of
--               their own (hash): whose -> its step, or 'd' or 'f' while the size is not known
-- KEYS[8] the body   KEYS[9] ended chords whose body is to be called (sorted set, of all chords)
-- KEYS[10] where Celery stores the part's own result, if this is to store it (string)
-- ARGV[1] the chord's task id   ARGV[2] the caller's token   ARGV[3] whose: eight bytes made of the part's id and index
-- ARGV[4] its index in the header, '' for none   ARGV[5] '1' when it failed   ARGV[6] its result   ARGV[7] the error as
--               JSON   ARGV[8] how many errors are kept   ARGV[9] how long the caller may take to call the body, in ms
-- ARGV[10] the largest index that is a step while the size is not known   ARGV[11] now in ms
-- ARGV[12] the part's own result   ARGV[13] its TTL in seconds, 0 for none
-- returns {status, completed, stored, renewed}; status 'unknown' for no chord, 'late' when it has ended, 'again' when
--               the part has reported before, 'more' when every step is another's, or 'ok'; completed 1 for the call that
--               is to call the body, and for that same call again; stored 1 when its own result was stored and announced,
--               which it is with the part's first report and where nothing was stored before: else Celery's code decides;
--               renewed 1 when what is kept of the chord has its whole TTL again
-- Why a script: a part's bit and its result stand together or not at all, so the first result of a part is the only
--               one. The claim and the entry that the sweep looks at come with the last bit: whoever dies afterwards
--               leaves a chord that is called by another.
local bitmap, record, failures = KEYS[1], KEYS[2], KEYS[3]
local r = redis.call('HMGET', record, 'chord', 'state', 'count', 'left', 'failed', 'size', 'renew_at', 'ttl')
local state, count, left, failed, size = r[2], tonumber(r[3]), tonumber(r[4]), tonumber(r[5]), tonumber(r[6])
if not r[1] then return {'unknown', 0, 0, 0} end
if state ~= 'running' then
  local call = redis.call('HMGET', record, 'caller', 'called_at')
  return {'late', call[1] == ARGV[2] and not call[2] and 1 or 0, 0, 0}
end
if redis.call('GETBIT', bitmap, count) == 0 then return {'unknown', 0, 0, 0} end -- its bitmap has expired

local index, failing, slot, beside = tonumber(ARGV[4]), ARGV[5] == '1', nil, false
if index and (size and index < size or not size) and index < tonumber(ARGV[10]) then
  if not size and index + 2 > count then
    -- One step more than has been seen, which is never done: nothing that counts bits may find the end here.
    redis.call('SETBIT', bitmap, index + 2, 1)
    redis.call('SETBIT', bitmap, count, 0)
    left, count = left + index + 2 - count, index + 2
    redis.call('HSET', record, 'count', count)
  end
  local free = failed == 0 or redis.call('GETBIT', failures, index) == 0
  -- In one call where it is free, which it nearly always is: the bit is set already where it is not.
  if free and failing then free = redis.call('GETBIT', bitmap, index) == 0 end
  if free and not failing then free = redis.call('SETBIT', bitmap, index, 1) == 0 end
  if free then
    slot = index
  elseif redis.call('GETRANGE', KEYS[6], index * 8, index * 8 + 7) == ARGV[3] then
    return {'again', 0, 0, 0}
  end
end
if not slot then
  -- Added to the chord, one of several at the end of a chain, or without an index: any free step will do.
  if redis.call('HEXISTS', KEYS[7], ARGV[3]) == 1 then return {'again', 0, 0, 0} end
  beside = failing and 'f' or 'd'
  if size then
    local b = redis.call('HMGET', record, 'used', 'added', 'top')
    local used, top = tonumber(b[1]), tonumber(b[3] or size - 1)
    if used < tonumber(b[2]) then -- no index leads there
      slot, used = size + used, used + 1
    else
      while top >= 0 and redis.call('GETBIT', bitmap, top) + redis.call('GETBIT', failures, top) > 0 do
        top = top - 1
      end
      if top < 0 then return {'more', 0, 0, 0} end
      slot = top
    end
    beside = slot
    redis.call('HSET', record, 'used', used, 'top', top)
    if not failing then redis.call('SETBIT', bitmap, slot, 1) end
  end
  redis.call('HSET', KEYS[7], ARGV[3], beside)
  redis.call('PEXPIRE', KEYS[7], r[8])
end

if slot then
  left = left - 1
  redis.call('SETRANGE', KEYS[6], slot * 8, ARGV[3])
  if failing then
    failed = failed + 1
    redis.call('SETBIT', failures, slot, 1)
    if failed <= tonumber(ARGV[8]) then redis.call('HSET', KEYS[4], slot, ARGV[7]) end
    redis.call('HSET', record, 'failed', failed)
    redis.call('PEXPIRE', failures, r[8])
    redis.call('PEXPIRE', KEYS[4], r[8])
  end
end
local kept, stored = redis.call('RPUSH', KEYS[5], ARGV[6]), 0
if KEYS[10] then
  local ttl = ARGV[13] == '0' and {} or {'EX', ARGV[13]}
  if redis.call('SET', KEYS[10], ARGV[12], 'NX', unpack(ttl)) then
    redis.call('PUBLISH', KEYS[10], ARGV[12])
    stored = 1
  end
end

if size and left <= 0 then
  left = count - redis.call('BITCOUNT', bitmap, 0, count - 1, 'BIT') - failed
  -- The rule has the last word. No end is given to BITPOS: with one, an all-ones bitmap reads -1.
  local done = failed == 0 and redis.call('BITPOS', bitmap, 0) == redis.call('BITCOUNT', bitmap)
  if left == 0 and (done or failed > 0) then
    local clock = redis.call('TIME')
    local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
    redis.call('HSET', record, 'state', done and 'done' or 'failed', 'left', 0, 'ended_at', now,
      'last_progress_at', now, 'claim', ARGV[2], 'caller', ARGV[2])
    redis.call('ZADD', KEYS[9], now + ARGV[9], ARGV[1])
    redis.call('PEXPIRE', KEYS[9], math.max(redis.call('PTTL', KEYS[9]), tonumber(r[8])))
    if done then redis.call('UNLINK', bitmap) end
    for i = 1, 8 do redis.call('PEXPIRE', KEYS[i], r[8]) end
    return {'ok', 1, stored, 1}
  end
end
redis.call('HSET', record, 'left', left, 'last_progress_at', ARGV[11])
-- Renewed when a hundredth of the TTL has passed, not with every part; what has been made just now always.
local renewing = tonumber(ARGV[11]) >= tonumber(r[7]) or kept <= 2
if renewing then
  redis.call('HSET', record, 'renew_at', ARGV[11] + math.floor(r[8] / 100))
  for i = 1, 8 do redis.call('PEXPIRE', KEYS[i], r[8]) end
end
return {'ok', 0, stored, renewing and 1 or 0}

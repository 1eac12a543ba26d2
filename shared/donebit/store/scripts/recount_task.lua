-- recount_task: count what is left of a task from its bitmap, clear what is beyond it, and end it if it is due.
-- needs: begin_run
-- KEYS[1] the task's bitmap   KEYS[2] the task's record (hash)
-- KEYS[3] the bitmap of steps that gave up   KEYS[4] scratch, gone before the script ends
-- ARGV[1] now in ms   ARGV[2] the caller's token   ARGV[3] the record's nonce, '' for any
-- ARGV[4] the run whose failed end is announced, of a task that is open again, so that it may become done; 0 for none
-- returns {status, 0, completed, left, count, failed, state}; status 'unknown' or 'ok', as mark_steps has it
-- Why a script: a step marked between the counting and the writing would be lost from the counter, and an end
--               seen by two callers at once would be announced twice.
local bitmap, record, now = KEYS[1], KEYS[2], tonumber(ARGV[1])
local r = redis.call('HMGET', record, 'count', 'left', 'failed', 'state', 'nonce', 'claim', 'ttl', 'run', 'open')
local count, left, failed, state = tonumber(r[1]), tonumber(r[2]), tonumber(r[3]), r[4]
if not count or (ARGV[3] ~= '' and ARGV[3] ~= r[5]) then return {'unknown'} end

local completed = state ~= 'running' and r[6] == ARGV[2] and 1 or 0
if state == 'done' then return {'ok', 0, completed, left, count, failed, state} end
if redis.call('GETBIT', bitmap, count) == 0 then return {'unknown'} end

-- A step that gave up and was done after all is done, and counted once.
if failed > 0 then
  redis.call('BITOP', 'AND', KEYS[4], bitmap, KEYS[3])
  redis.call('BITOP', 'XOR', KEYS[3], KEYS[3], KEYS[4])
  redis.call('UNLINK', KEYS[4])
  redis.call('PEXPIRE', KEYS[3], redis.call('PTTL', record)) -- BITOP dropped it
  failed = redis.call('BITCOUNT', KEYS[3])
end
left = count - failed
if count > 0 then left = left - redis.call('BITCOUNT', bitmap, 0, count - 1, 'BIT') end
-- Bits beyond the marker, which another program has set, would keep the rule from ever holding.
if left == 0 and redis.call('BITCOUNT', bitmap) > redis.call('BITCOUNT', bitmap, 0, count, 'BIT') then
  redis.call('SET', bitmap, redis.call('GETRANGE', bitmap, 0, math.floor(count / 8)), 'KEEPTTL')
  for bit = count + 1, count + 7 - count % 8 do redis.call('SETBIT', bitmap, bit, 0) end
end

-- The rule has the last word. No end is given to BITPOS: with one, an all-ones bitmap reads -1.
local done = left == 0 and failed == 0 and redis.call('BITPOS', bitmap, 0) == redis.call('BITCOUNT', bitmap)
if left == 0 and not r[9] and (state == 'running' and (done or failed > 0) or state == 'failed' and done and r[8] == ARGV[4]) then
  if state == 'failed' then -- another end, of the run that has gone on since the one before
    begin_run({record}, {redis.call('HGET', record, 'ended_at')})
  end
  state, completed = done and 'done' or 'failed', 1
  redis.call('HSET', record, 'left', 0, 'failed', failed, 'state', state,
    'ended_at', now, 'last_progress_at', now, 'claim', ARGV[2])
  if done then redis.call('UNLINK', bitmap) else redis.call('PEXPIRE', bitmap, r[7]) end
  redis.call('PEXPIRE', record, r[7]) -- as of an open task, until it is announced
elseif state == 'failed' and done then
  -- It stays as its end was told until this is called again for the next one.
elseif failed ~= tonumber(r[3]) then
  redis.call('HSET', record, 'left', left, 'failed', failed, 'last_progress_at', now)
elseif left ~= tonumber(r[2]) then
  redis.call('HSET', record, 'left', left)
end
return {'ok', 0, completed, left, count, failed, state}

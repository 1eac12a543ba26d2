-- mark_steps: set the bits of finished steps; say whether this call finished the task.
-- needs: begin_run
-- KEYS[1] the task's bitmap   KEYS[2] the task's record (hash)
-- KEYS[3] the bitmap of steps that gave up   KEYS[4] scratch: both needed only for a task that has some
-- KEYS[5] optional: where to keep the answer
-- ARGV[1] now in ms   ARGV[2] the caller's token
-- ARGV[3] the record's nonce, '' for any, or '<nonce>/<run>': the failed end of that run is announced, and the
--               task is among the open ones again, so that it may become done
-- ARGV[4] how many single steps follow
-- ARGV[5..] the single steps, then the ranges as pairs: first step, step after the last
-- returns 'fresh left count', left as it was, of the most frequent report: one step of a running task without a step that gave up, by a
--               caller who gives neither KEYS[3] nor a negative step, and the task goes on; a text of strings that are
--               there already is made in a seventh of the time of what follows
--               else {status, fresh, completed, left, count, failed, state}; status 'unknown', 'range', 'ok', 'keys'
--               when the task has steps that gave up and KEYS[3] is not given: nothing was done; 'failed' when
--               it has failed and ARGV[3] does not name its run: nothing was done; or 'reused' when the answer
--               is one to another token
-- Why a script: SETBIT alone would revive an expired task without marker or TTL, a full bitmap seen by
--               two workers at once would be announced twice, and the counter of what is left must
--               change with the bits or not at all.
local bitmap, record, nonce = KEYS[1], KEYS[2], ARGV[3]
local r
if nonce == '' and not KEYS[5] then -- each field costs
  r = redis.call('HMGET', record, 'left', 'count', 'failed', 'state', 'renew_at')
else
  r = redis.call('HMGET', record, 'left', 'count', 'failed', 'state', 'renew_at', 'nonce')
end

-- Numbers of one length are compared as texts: making one of the other takes longer than a command.
local at, until_ms, size, only = ARGV[1], r[5], r[2], ARGV[5]
if ARGV[4] == '1' and not ARGV[6] and not KEYS[3] and r[4] == 'running' and r[3] == '0'
    and (nonce == '' or nonce == r[6]) and until_ms and #at == #until_ms and at < until_ms
    and (#only < #size or #only == #size and only < size) then
  local left = r[1] - 1
  -- The end marker is looked for, not assumed: without it SETBIT would make a bitmap that nothing ends.
  if left > 0 and redis.call('GETBIT', bitmap, size) == 1 then
    if redis.call('SETBIT', bitmap, only, 1) == 1 then return '0 ' .. r[1] .. ' ' .. size end
    redis.call('HSET', record, 'left', left, 'last_progress_at', at)
    return '1 ' .. r[1] .. ' ' .. size
  end
end

local count, left, failed, state, now = tonumber(size), tonumber(r[1]), tonumber(r[3]), r[4], tonumber(at)
if KEYS[5] then
  local kept = cjson.decode(redis.call('GET', KEYS[5]) or '[]')
  local token, its_nonce = table.remove(kept), table.remove(kept)
  -- An answer kept for an earlier task under this id says nothing about this one.
  if its_nonce and (its_nonce == r[6] or not r[6]) then return token == ARGV[2] and kept or {'reused'} end
end

if not count then return {'unknown'} end
local prepared
if nonce ~= '' and nonce ~= r[6] then
  local its_nonce, run = nonce:match('^(.*)/(%d+)$')
  if its_nonce ~= r[6] then return {'unknown'} end
  prepared = run
end

-- A record whose bitmap is gone, unless it is done, has expired.
if state ~= 'done' and redis.call('GETBIT', bitmap, count) == 0 then return {'unknown'} end

local first_range = 5 + ARGV[4]
for i = 5, #ARGV do
  local step, last = tonumber(ARGV[i]), i < first_range and count - 1 or count
  if step < 0 or step > last then
    -- Of a range's end the last step that it asks for. Else as it came: a large number of Lua's is another.
    local is_end = i >= first_range and (i - first_range) % 2 == 1
    return {'range', is_end and string.format('%.0f', step - 1) or ARGV[i], 0, left, count, failed, state}
  end
end

local fresh, completed = 0, 0
if state ~= 'running' and redis.call('HGET', record, 'claim') == ARGV[2] then completed = 1 end
if failed > 0 or state == 'failed' then
  -- Its end may be another in a moment: what is to be announced of this one, and who looks after the next, comes first.
  if state == 'failed' and prepared ~= redis.call('HGET', record, 'run') then return {'failed'} end
  if not KEYS[3] then return {'keys'} end
end
if state ~= 'done' then
  -- A step that gave up and was done after all is done: its bit goes from the one bitmap to the other. Of single
  -- steps at once; both are compared whole only where a range may hold some, and at the end.
  local mended, compared = 0, false
  for i = 5, first_range - 1 do
    if redis.call('SETBIT', bitmap, ARGV[i], 1) == 0 then
      fresh = fresh + 1
      if failed > 0 then mended = mended + redis.call('SETBIT', KEYS[3], ARGV[i], 0) end
    end
  end
  for i = first_range, #ARGV, 2 do
    local start, stop = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
    compared = compared or failed > 0 and redis.call('BITCOUNT', KEYS[3], start, stop - 1, 'BIT') > 0
    local new = stop - start - redis.call('BITCOUNT', bitmap, start, stop - 1, 'BIT')
    if new > 0 then
      while start < stop and start % 8 ~= 0 do redis.call('SETBIT', bitmap, start, 1); start = start + 1 end
      while start < stop and stop % 8 ~= 0 do stop = stop - 1; redis.call('SETBIT', bitmap, stop, 1) end
      -- In pieces, for Lua makes a string byte by byte: a megabyte of it would hold the server up for 4 ms.
      local ones = string.rep('\255', math.min((stop - start) / 8, 4096))
      while start < stop do
        local piece = ones:sub(1, (stop - start) / 8)
        redis.call('SETRANGE', bitmap, start / 8, piece)
        start = start + 8 * #piece
      end
    end
    fresh = fresh + new
  end

  left, failed = left - fresh + mended, failed - mended
  local open = left <= 0 and redis.call('HGET', record, 'open') -- it cannot end, nor needs to be counted
  compared = r[3] ~= '0' and (compared or left <= 0)
  if compared then
    redis.call('BITOP', 'AND', KEYS[4], bitmap, KEYS[3])
    redis.call('BITOP', 'XOR', KEYS[3], KEYS[3], KEYS[4])
    redis.call('UNLINK', KEYS[4])
    redis.call('PEXPIRE', KEYS[3], redis.call('PTTL', record)) -- BITOP dropped it
    failed = redis.call('BITCOUNT', KEYS[3])
  end
  -- What looks like the end is counted again: the counter may be wrong, the bitmap never is.
  if left <= 0 and not open or compared then
    left = count - redis.call('BITCOUNT', bitmap, 0, count - 1, 'BIT') - failed
  end
  -- The rule has the last word. No end is given to BITPOS: with one, an all-ones bitmap reads -1.
  local done = left == 0 and failed == 0 and redis.call('BITPOS', bitmap, 0) == redis.call('BITCOUNT', bitmap)
  if left == 0 and not open and (state == 'running' and (done or failed > 0) or state == 'failed' and done) then
    if state == 'failed' then -- another end, of the run that has gone on since the one before
      begin_run({record}, {redis.call('HGET', record, 'ended_at')})
    end
    state, completed = done and 'done' or 'failed', 1
    redis.call('HSET', record, 'left', 0, 'failed', failed, 'state', state,
      'ended_at', now, 'last_progress_at', now, 'claim', ARGV[2])
    local ttl = redis.call('HGET', record, 'ttl') -- until it is announced: an end that nobody knows must not expire
    if done then redis.call('UNLINK', bitmap) else redis.call('PEXPIRE', bitmap, ttl) end
    redis.call('PEXPIRE', record, ttl)
  elseif r[3] ~= '0' and (fresh > 0 or failed ~= tonumber(r[3])) then
    redis.call('HSET', record, 'left', left, 'failed', failed, 'last_progress_at', now)
  elseif fresh > 0 then
    redis.call('HSET', record, 'left', left, 'last_progress_at', now)
    -- Renewed when a hundredth of it has passed, not with every step.
    if state == 'running' and now >= tonumber(until_ms or 0) then
      local ttl = redis.call('HGET', record, 'ttl')
      redis.call('HSET', record, 'renew_at', now + math.floor(ttl / 100))
      redis.call('PEXPIRE', bitmap, ttl)
      redis.call('PEXPIRE', record, ttl)
    end
  elseif left ~= tonumber(r[1]) then
    redis.call('HSET', record, 'left', left)
  end
end

if KEYS[5] then
  local kept = {'ok', fresh, completed, left, count, failed, state, r[6], ARGV[2]}
  redis.call('SET', KEYS[5], cjson.encode(kept), 'EX', 3600)
end
return {'ok', fresh, completed, left, count, failed, state}

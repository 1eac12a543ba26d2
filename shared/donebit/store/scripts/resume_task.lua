-- resume_task: let a failed or cancelled task run again, or one that is paused or stalled, with what it has done.
-- needs: begin_run
-- KEYS[1] the task's bitmap   KEYS[2] the task's record (hash)   KEYS[3..7] what its failures left
-- KEYS[8] its results (hash)   KEYS[9] its items (stream)   KEYS[10] optional: where to keep the answer
-- ARGV[1] now in ms   ARGV[2] the caller's token
-- returns false for an unknown task, else {whether it was resumed, the state it was in}; {'reused'} when the
--               kept answer is one to another token
-- Why a script: of two who resume at once only one may, and nothing of the end that was may remain.
local r = redis.call('HMGET', KEYS[2], 'state', 'count', 'ttl', 'stalled_at', 'last_progress_at', 'nonce',
  'paused_at', 'left')
if KEYS[10] then
  local kept = cjson.decode(redis.call('GET', KEYS[10]) or '[]')
  local token, nonce = table.remove(kept), table.remove(kept)
  -- An answer kept for an earlier task under this id says nothing about this one.
  if nonce and (nonce == r[6] or not r[6]) then return token == ARGV[2] and kept or {'reused'} end
end
local function resumed()
  if KEYS[10] then redis.call('SET', KEYS[10], cjson.encode({1, r[1], r[6], ARGV[2]}), 'EX', 3600) end
  return {1, r[1]}
end
if not r[1] or (r[1] ~= 'done' and redis.call('EXISTS', KEYS[1]) == 0) then return false end
if r[1] == 'running' and (r[7] or tonumber(r[4] or 0) >= tonumber(r[5])) then
  -- Paused or given up by the sweep, not ended: the same run goes on, as if it had just begun.
  redis.call('HSET', KEYS[2], 'last_progress_at', ARGV[1], 'seen_at', ARGV[1], 'seen_left', r[8])
  redis.call('HDEL', KEYS[2], 'stalled_at', 'heals', 'probed_at', 'dispatching_at', 'dispatched_at', 'paused_at', 'quiet_until',
    'before_at', 'before_left')
  return resumed()
end
if r[1] ~= 'failed' and r[1] ~= 'cancelled' then return {0, r[1]} end
local left = tonumber(r[2])
if left > 0 then left = left - redis.call('BITCOUNT', KEYS[1], 0, left - 1, 'BIT') end
begin_run({KEYS[2]}, ARGV)
redis.call('UNLINK', unpack(KEYS, 3, 7))
redis.call('HSET', KEYS[2], 'state', 'running', 'left', left, 'failed', 0, 'last_progress_at', ARGV[1], 'renew_at', 0,
  'seen_at', ARGV[1], 'seen_left', left)
for _, key in ipairs({KEYS[1], KEYS[2], KEYS[8], KEYS[9]}) do redis.call('PEXPIRE', key, r[3]) end
return resumed()

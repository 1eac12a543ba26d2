-- resume_task: let a failed task run again, or one that is stalled, with what it has done.
-- KEYS[1] the task's bitmap   KEYS[2] the task's record (hash)   KEYS[3..] what its failures left
-- ARGV[1] now in ms
-- returns false for an unknown task, else {whether it was resumed, the state it was in}
-- Why a script: of two who resume at once only one may, and nothing of the end that was may remain.
local r = redis.call('HMGET', KEYS[2], 'state', 'count', 'run', 'ttl', 'stalled_at', 'last_progress_at')
if not r[1] or (r[1] ~= 'done' and redis.call('EXISTS', KEYS[1]) == 0) then return false end
if r[1] == 'running' and tonumber(r[5] or 0) >= tonumber(r[6]) then
  -- Given up by the sweep, not ended: the same run goes on, as if it had just begun.
  redis.call('HSET', KEYS[2], 'last_progress_at', ARGV[1])
  redis.call('HDEL', KEYS[2], 'stalled_at', 'heals', 'probed_at', 'dispatching_at', 'dispatched_at')
  return {1, r[1]}
end
if r[1] ~= 'failed' then return {0, r[1]} end
local left = r[2] - redis.call('BITCOUNT', KEYS[1], 0, r[2] - 1, 'BIT')
redis.call('UNLINK', unpack(KEYS, 3))
redis.call('HSET', KEYS[2], 'state', 'running', 'left', left, 'failed', 0, 'run', r[3] + 1,
  'last_progress_at', ARGV[1], 'renew_at', 0)
redis.call('HDEL', KEYS[2], 'ended_at', 'claim', 'announced_at', 'announcing_at', 'dispatching_at', 'dispatched_at',
  'heals', 'probed_at', 'stalled_at', 'quiet_until', 'messages', 'failed_attempts',
  'seen_at', 'seen_left', 'before_at', 'before_left')
redis.call('PEXPIRE', KEYS[1], r[4])
redis.call('PEXPIRE', KEYS[2], r[4])
return {1, r[1]}

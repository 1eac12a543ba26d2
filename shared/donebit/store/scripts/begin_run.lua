-- begin_run: let the next run of an ended task begin, and keep what came of the one that ended, among the last 20.
-- KEYS[1] the task's record (hash)
-- ARGV[1] when the next run begins, in ms
-- returns nothing
-- Why a script: every script by which an ended task goes on calls it, before it writes what is new in the record.
local r = redis.call('HMGET', KEYS[1], 'run', 'run_started_at', 'created_at', 'ended_at', 'state', 'count', 'left',
  'failed', 'runs')
local runs = cjson.decode(r[9] or '[]')
-- Its number, start, end and state, the steps done by then, and those that failed.
local done = r[6] - r[7] - r[8]
runs[#runs + 1] = {tonumber(r[1]), tonumber(r[2] or r[3]), tonumber(r[4] or ARGV[1]), r[5], done, tonumber(r[8])}
if #runs > 20 then table.remove(runs, 1) end
redis.call('HSET', KEYS[1], 'run', r[1] + 1, 'run_started_at', ARGV[1], 'runs', cjson.encode(runs))
redis.call('HDEL', KEYS[1], 'ended_at', 'claim', 'announced_at', 'announcing_at', 'dispatching_at', 'dispatched_at',
  'heals', 'probed_at', 'stalled_at', 'paused_at', 'quiet_until', 'messages', 'failed_attempts',
  'first_failure_at', 'first_failure_told', 'seen_at', 'seen_left', 'before_at', 'before_left')

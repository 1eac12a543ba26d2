-- close_task: take an announced task out of the open ones, unless it has been opened again meanwhile.
-- KEYS[1] the open tasks by their next look (sorted set)
-- ARGV[1] the task   ARGV[2] its next look as it was when the announcement began
-- returns 1 when it is out, 0 when it stays
-- Why a script: a resume between the look and the removal would leave a running task that no sweep sees.
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or -1) ~= tonumber(ARGV[2]) then return 0 end
return redis.call('ZREM', KEYS[1], ARGV[1])

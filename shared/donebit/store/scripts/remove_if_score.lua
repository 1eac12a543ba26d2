-- remove_if_score: take what is finished out of an index, unless it has been entered again meanwhile.
-- KEYS[1] the index (sorted set)
-- ARGV[1] the member   ARGV[2] its score as it was when the work on it began
-- returns 1 when it is out, 0 when it stays
-- Why a script: a resume between the look and the removal would leave a running task that no sweep sees,
--               and a task made again an end that nobody announces.
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or -1) ~= tonumber(ARGV[2]) then return 0 end
return redis.call('ZREM', KEYS[1], ARGV[1])

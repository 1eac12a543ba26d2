-- move_if_score: set the next look at a member of an index, unless it was entered again meanwhile.
-- KEYS[1] the index (sorted set)
-- ARGV[1] the member   ARGV[2] its score as it was when the look began   ARGV[3] its new score
-- returns 1 when it is set, 0 when the member is gone or has another score
-- Why a script: what was changed during the look must be looked at at once, not when the look had thought.
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or -1) ~= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return 1

-- add_reader: keep a task, whose results another one reads, for as long as that one runs.
-- KEYS[1] the task's record (hash)   KEYS[2..] the task's other keys
-- ARGV[1] its nonce   ARGV[2] the id of the task that reads   ARGV[3] the least life in ms
-- returns how many results the task has; false when it is gone
-- Why a script: a task that was made under this id since must not be kept for the reader of another.
local r = redis.call('HMGET', KEYS[1], 'nonce', 'results')
if r[1] ~= ARGV[1] then return false end
if not r[2] then return 0 end -- there is nothing to read, now or later: it has ended
redis.call('HSET', KEYS[1], 'reader:' .. ARGV[2], 1)
for i = 1, #KEYS do
  if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[i], ARGV[3]) end
end
return tonumber(r[2])

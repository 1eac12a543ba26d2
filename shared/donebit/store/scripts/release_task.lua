-- release_task: let a task expire as ended tasks do, once every delivery of its ends is made or given up, and no
--               task reads its results any more.
-- KEYS[1] the task's record (hash)   KEYS[2] its deliveries (hash)   KEYS[3..] the task's other keys
-- ARGV[1] its nonce
-- returns 1 when it will go, 0 when that task is gone, runs, or has an end that is not announced or delivered yet
-- Why a script: a task that was resumed meanwhile must not have the TTL of an ended one, nor one whose
--               announcer may still die, and be followed by another, nor one that is to be delivered again.
local r = redis.call('HMGET', KEYS[1], 'nonce', 'state', 'announced_at', 'ended_ttl')
if r[1] ~= ARGV[1] or r[2] == 'running' or not r[3] then return 0 end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if field:sub(1, 7) == 'reader:' then return 0 end
end
for _, delivery in ipairs(redis.call('HVALS', KEYS[2])) do
  if cjson.decode(delivery).outcome == 'pending' then return 0 end
end
for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], r[4]) end
return 1

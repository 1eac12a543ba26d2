-- pause_task: keep workers from beginning steps of a running task until it is resumed.
-- KEYS[1] the task's bitmap   KEYS[2] the task's record (hash)   KEYS[3] optional: where to keep the answer
-- ARGV[1] now in ms   ARGV[2] the caller's token
-- returns false for an unknown task, else {1 when it is paused now, its state}; {'reused'} when the kept answer is
--               one to another token
-- Why a script: the last step may be marked at the same moment, and an ended task is not paused.
-- `pauses` counts them, so that a fan-out which began before this one writes nothing of what it sent.
local r = redis.call('HMGET', KEYS[2], 'state', 'ttl', 'nonce', 'paused_at')
if KEYS[3] then
  local kept = cjson.decode(redis.call('GET', KEYS[3]) or '[]')
  local token, nonce = table.remove(kept), table.remove(kept)
  -- An answer kept for an earlier task under this id says nothing about this one.
  if nonce and (nonce == r[3] or not r[3]) then return token == ARGV[2] and kept or {'reused'} end
end
if not r[1] or (r[1] ~= 'done' and redis.call('EXISTS', KEYS[1]) == 0) then return false end
if r[1] ~= 'running' then return {0, r[1]} end
if not r[4] then
  redis.call('HSET', KEYS[2], 'paused_at', ARGV[1])
  redis.call('HINCRBY', KEYS[2], 'pauses', 1)
  redis.call('HDEL', KEYS[2], 'stalled_at')
end
redis.call('PEXPIRE', KEYS[1], r[2])
redis.call('PEXPIRE', KEYS[2], r[2])
if KEYS[3] then redis.call('SET', KEYS[3], cjson.encode({1, r[1], r[3], ARGV[2]}), 'EX', 3600) end
return {1, r[1]}

-- cancel_task: end a running task before its steps are.
-- KEYS[1] the task's bitmap   KEYS[2] the task's record (hash)   KEYS[3] optional: where to keep the answer
-- ARGV[1] now in ms   ARGV[2] the caller's token
-- returns false for an unknown task, else {whether this call cancelled it, state}; {'reused'} when the kept
--               answer is one to another token
-- Why a script: the last step may be marked at the same moment; only one of the two ends is claimed.
local r = redis.call('HMGET', KEYS[2], 'state', 'claim', 'ttl', 'nonce')
if KEYS[3] then
  local kept = cjson.decode(redis.call('GET', KEYS[3]) or '[]')
  local token, nonce = table.remove(kept), table.remove(kept)
  -- An answer kept for an earlier task under this id says nothing about this one.
  if nonce and (nonce == r[4] or not r[4]) then return token == ARGV[2] and kept or {'reused'} end
end
if not r[1] or (r[1] ~= 'done' and redis.call('EXISTS', KEYS[1]) == 0) then return false end
if r[1] ~= 'running' then return {r[1] == 'cancelled' and r[2] == ARGV[2] and 1 or 0, r[1]} end
redis.call('HSET', KEYS[2], 'state', 'cancelled', 'ended_at', ARGV[1], 'claim', ARGV[2])
redis.call('PEXPIRE', KEYS[1], r[3])
redis.call('PEXPIRE', KEYS[2], r[3])
if KEYS[3] then redis.call('SET', KEYS[3], cjson.encode({1, 'cancelled', r[4], ARGV[2]}), 'EX', 3600) end
return {1, 'cancelled'}

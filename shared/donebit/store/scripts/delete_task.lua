-- delete_task: drop all that is stored of a task.
-- KEYS[1] the task's record (hash)   KEYS[2] its bitmap   KEYS[3..] its other keys
-- the last of KEYS, optional: where to keep the answer
-- ARGV[1] the caller's token   ARGV[2] 1 when the answer is to be kept, 0 otherwise
-- returns 'ok', 'unknown' when there is none, 'reused' when the kept answer is one to another token
-- Why a script: what is dropped a moment later could be another task's under the same id.
local reply = ARGV[2] == '1' and table.remove(KEYS)
local nonce = redis.call('HGET', KEYS[1], 'nonce')
if reply then
  local kept = cjson.decode(redis.call('GET', reply) or '[]')
  -- A repeat after a lost answer must not delete the task that was made under this id since.
  if kept[1] == 'deleted' and kept[3] == ARGV[1] then return 'ok' end
  if kept[1] and (kept[#kept - 1] == nonce or not nonce) then return 'reused' end
end
local gone = redis.call('UNLINK', KEYS[1], KEYS[2])
redis.call('UNLINK', unpack(KEYS, 3))
if gone == 0 then return 'unknown' end
if reply then redis.call('SET', reply, cjson.encode({'deleted', nonce or '', ARGV[1]}), 'EX', 3600) end
return 'ok'

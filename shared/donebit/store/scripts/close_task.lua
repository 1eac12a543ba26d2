-- close_task: seal an open task, and end it if all its steps have.
-- KEYS[1] the task's bitmap   KEYS[2] the task's record (hash)
-- KEYS[3] the bitmap of steps that gave up   KEYS[4] scratch, gone before the script ends
-- KEYS[5] optional: where to keep the answer
-- ARGV[1] now in ms   ARGV[2] the caller's token   ARGV[3] the count that it must have, '' for any
-- returns false for an unknown task, else {'ok', whether this call ended it}; {'from', its count} when it has
--               another count than it must have; {'state', its state} when it has ended; {'closed'} when it is not
--               open; {'reused'} when the kept answer is one to another token
-- Why a script: the last step may be marked at the same moment. One of the two finds the task both closed and
--               without a missing step, and that one claims the end.
local bitmap, record = KEYS[1], KEYS[2]
local r = redis.call('HMGET', record, 'state', 'count', 'failed', 'nonce', 'ttl', 'open')
if KEYS[5] then
  local kept = cjson.decode(redis.call('GET', KEYS[5]) or '[]')
  local token, nonce = table.remove(kept), table.remove(kept)
  -- An answer kept for an earlier task under this id says nothing about this one.
  if nonce and (nonce == r[4] or not r[4]) then return token == ARGV[2] and kept or {'reused'} end
end
if not r[1] or (r[1] ~= 'done' and redis.call('EXISTS', bitmap) == 0) then return false end
if r[1] ~= 'running' then return {'state', r[1]} end
if not r[6] then return {'closed'} end
if ARGV[3] ~= '' and tonumber(ARGV[3]) ~= tonumber(r[2]) then return {'from', r[2]} end

local count, failed, completed = tonumber(r[2]), tonumber(r[3]), 0
-- Counted from the bitmap: what another program has set in it counts too. A step that gave up and was done
-- after all is done, and counted once.
if failed > 0 then
  redis.call('BITOP', 'AND', KEYS[4], bitmap, KEYS[3])
  redis.call('BITOP', 'XOR', KEYS[3], KEYS[3], KEYS[4])
  redis.call('UNLINK', KEYS[4])
  redis.call('PEXPIRE', KEYS[3], redis.call('PTTL', record)) -- BITOP dropped it
  failed = redis.call('BITCOUNT', KEYS[3])
end
local left = count - failed
if count > 0 then left = left - redis.call('BITCOUNT', bitmap, 0, count - 1, 'BIT') end
redis.call('HDEL', record, 'open')
redis.call('HSET', record, 'left', left, 'failed', failed, 'last_progress_at', ARGV[1])
local done = left == 0 and failed == 0 and redis.call('BITPOS', bitmap, 0) == redis.call('BITCOUNT', bitmap)
if left == 0 and (done or failed > 0) then
  completed = 1
  redis.call('HSET', record, 'state', done and 'done' or 'failed', 'ended_at', ARGV[1], 'claim', ARGV[2])
  if done then redis.call('UNLINK', bitmap) else redis.call('PEXPIRE', bitmap, r[5]) end
  redis.call('PEXPIRE', record, r[5]) -- as of an open task, until it is announced
end
if KEYS[5] then redis.call('SET', KEYS[5], cjson.encode({'ok', completed, r[4], ARGV[2]}), 'EX', 3600) end
return {'ok', completed}

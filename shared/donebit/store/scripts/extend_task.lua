-- extend_task: move the end marker of a running task, so that it has more steps.
-- needs: add_to_looks
-- KEYS[1] the task's bitmap   KEYS[2] the task's record (hash)   KEYS[3] optional: where to keep the answer
-- ARGV[1] the new count, '' where steps are added   ARGV[2] how many are added   ARGV[3] the largest count
-- ARGV[4] the count that it must have, '' for any   ARGV[5] the caller's token
-- returns false for an unknown task, else {'ok', the count before}; {'less' or 'most' or 'from', its count} when
--               the new count is not more, is too large, or the task has another than it must have; {'state', its
--               state}; {'items'} when its steps have items, which these would not; {'reused'} when the kept answer is one to another token
-- Why a script: the marker, the count and what is left move together, or a step marked in between would
--               find the end where it no longer is. Of two who add at once each adds.
local r = redis.call('HMGET', KEYS[2], 'state', 'count', 'left', 'nonce', 'items_bytes')
if KEYS[3] then
  local kept = cjson.decode(redis.call('GET', KEYS[3]) or '[]')
  local token, nonce = table.remove(kept), table.remove(kept)
  -- An answer kept for an earlier task under this id says nothing about this one.
  if nonce and (nonce == r[4] or not r[4]) then return token == ARGV[5] and kept or {'reused'} end
end
if not r[1] or (r[1] ~= 'done' and redis.call('EXISTS', KEYS[1]) == 0) then return false end
if r[1] ~= 'running' then return {'state', r[1]} end
if r[5] then return {'items'} end
if ARGV[4] ~= '' and tonumber(ARGV[4]) ~= tonumber(r[2]) then return {'from', r[2]} end
local count = tonumber(ARGV[1]) or r[2] + ARGV[2]
local more = count - r[2]
if more <= 0 then return {'less', r[2]} end
if count > tonumber(ARGV[3]) then return {'most', r[2]} end
redis.call('SETBIT', KEYS[1], count, 1)
redis.call('SETBIT', KEYS[1], r[2], 0)
redis.call('HSET', KEYS[2], 'count', count, 'left', r[3] + more)
add_to_looks({KEYS[2]}, {more})
if KEYS[3] then redis.call('SET', KEYS[3], cjson.encode({'ok', r[2], r[4], ARGV[5]}), 'EX', 3600) end
return {'ok', r[2]}

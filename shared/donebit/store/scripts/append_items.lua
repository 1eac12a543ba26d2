-- append_items: give a running task more steps, each with an item.
-- needs: add_to_looks
-- KEYS[1] the task's bitmap   KEYS[2] the task's record (hash)   KEYS[3] the task's items (stream)
-- KEYS[4] optional: where to keep the answer
-- ARGV[1] the caller's token   ARGV[2] the count that the task must have, '' for any   ARGV[3] the largest count
-- ARGV[4] how many bytes the items of the task may have   ARGV[5] '1' for an open task only
-- ARGV[6] bytes of these items   then for each chunk of them how many there are, and the chunk
-- returns false for an unknown task, else {'ok', the count before}; {'most' or 'from', its count} when it would have
--               too many steps, or has another count; {'bytes', bytes} when its items would be too large; {'closed'}
--               when it is not open; {'items'} when it has none; {'state', its state}; {'reused'} when the kept
--               answer is one to another token
-- Why a script: steps and items are added together or not at all, and of two who add at once each adds its own.
local r = redis.call('HMGET', KEYS[2], 'state', 'count', 'left', 'nonce', 'items_bytes', 'open')
if KEYS[4] then
  local kept = cjson.decode(redis.call('GET', KEYS[4]) or '[]')
  local token, nonce = table.remove(kept), table.remove(kept)
  -- An answer kept for an earlier task under this id says nothing about this one.
  if nonce and (nonce == r[4] or not r[4]) then return token == ARGV[1] and kept or {'reused'} end
end
if not r[1] or (r[1] ~= 'done' and redis.call('EXISTS', KEYS[1]) == 0) then return false end
if r[1] ~= 'running' then return {'state', r[1]} end
if not r[5] then return {'items'} end
if ARGV[5] == '1' and not r[6] then return {'closed'} end
if ARGV[2] ~= '' and tonumber(ARGV[2]) ~= tonumber(r[2]) then return {'from', r[2]} end
local before, bytes, more = tonumber(r[2]), r[5] + ARGV[6], 0
for i = 7, #ARGV, 2 do more = more + ARGV[i] end
if before + more > tonumber(ARGV[3]) then return {'most', r[2]} end
if bytes > tonumber(ARGV[4]) then return {'bytes', string.format('%.0f', bytes)} end

if more > 0 then
  local first = before
  for i = 7, #ARGV, 2 do
    redis.call('XADD', KEYS[3], string.format('%.0f-0', first + 1), 'z', ARGV[i + 1]) -- 0-0 is no id
    first = first + ARGV[i]
  end
  redis.call('SETBIT', KEYS[1], first, 1)
  redis.call('SETBIT', KEYS[1], before, 0)
  redis.call('HSET', KEYS[2], 'count', first, 'left', r[3] + more, 'items_bytes', string.format('%.0f', bytes))
  add_to_looks({KEYS[2]}, {more})
  redis.call('PEXPIRE', KEYS[3], redis.call('PTTL', KEYS[2]))
end
if KEYS[4] then redis.call('SET', KEYS[4], cjson.encode({'ok', r[2], r[4], ARGV[1]}), 'EX', 3600) end
return {'ok', r[2]}

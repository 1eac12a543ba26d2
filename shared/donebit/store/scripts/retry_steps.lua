-- retry_steps: let steps that gave up be missing again; a task that has failed runs again with them.
-- needs: begin_run
-- KEYS[1] the task's bitmap   KEYS[2] the task's record (hash)   KEYS[3] the bitmap of steps that gave up
-- KEYS[4] the attempts, four bits a step   KEYS[5..7] what else its failures left   KEYS[8] its results (hash)
-- KEYS[9] its items (stream)   KEYS[10] optional: where to keep the answer
-- ARGV[1] now in ms   ARGV[2] the caller's token
-- ARGV[3..] ranges of steps that gave up, as pairs: first step, step after the last
-- returns false for an unknown task, else {whether any is missing again, the state the task was in, how many};
--               {'reused'} when the kept answer is one to another token
-- Why a script: the bits, the counters and the run change together, and a failed task whose end another has resumed
--               meanwhile must not get a second run.
local r = redis.call('HMGET', KEYS[2], 'state', 'count', 'ttl', 'nonce')
if KEYS[10] then
  local kept = cjson.decode(redis.call('GET', KEYS[10]) or '[]')
  local token, nonce = table.remove(kept), table.remove(kept)
  -- An answer kept for an earlier task under this id says nothing about this one.
  if nonce and (nonce == r[4] or not r[4]) then return token == ARGV[2] and kept or {'reused'} end
end
if not r[1] or (r[1] ~= 'done' and redis.call('EXISTS', KEYS[1]) == 0) then return false end
if r[1] ~= 'running' and r[1] ~= 'failed' then return {0, r[1], 0} end
local chosen, zeros = 0, string.rep('\0', 4096)
-- Clears `bits` bits of each step from first to last: at the edges one by one, between them by whole bytes.
local function clear(key, first, after, bits)
  local a_byte = 8 / bits
  local function one(step) redis.call('BITFIELD', key, 'SET', 'u' .. bits, '#' .. string.format('%.0f', step), 0) end
  while first < after and first % a_byte ~= 0 do one(first); first = first + 1 end
  while first < after and after % a_byte ~= 0 do after = after - 1; one(after) end
  while first < after do
    local piece = zeros:sub(1, (after - first) / a_byte)
    redis.call('SETRANGE', key, first / a_byte, piece)
    first = first + a_byte * #piece
  end
end
for i = 3, #ARGV, 2 do
  local first, after = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  local failed = redis.call('BITCOUNT', KEYS[3], first, after - 1, 'BIT')
  if failed > 0 then
    chosen = chosen + failed
    clear(KEYS[3], first, after, 1)
    clear(KEYS[4], first, after, 4)
  end
end
if chosen == 0 then return {0, r[1], 0} end
local failed = redis.call('BITCOUNT', KEYS[3])
local left = r[2] - failed - redis.call('BITCOUNT', KEYS[1], 0, r[2] - 1, 'BIT')
if r[1] == 'failed' then
  begin_run({KEYS[2]}, ARGV)
else
  redis.call('HDEL', KEYS[2], 'heals', 'probed_at', 'stalled_at', 'quiet_until', 'before_at', 'before_left')
end
redis.call('HSET', KEYS[2], 'state', 'running', 'left', left, 'failed', failed, 'last_progress_at', ARGV[1], 'renew_at', 0,
  'seen_at', ARGV[1], 'seen_left', left)
for i = 1, 9 do redis.call('PEXPIRE', KEYS[i], r[3]) end
if KEYS[10] then
  redis.call('SET', KEYS[10], cjson.encode({1, r[1], chosen, r[4], ARGV[2]}), 'EX', 3600)
end
return {1, r[1], chosen}

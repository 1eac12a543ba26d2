-- mark_results: set the bits of finished steps, and keep the results of those that were not done before.
-- needs: mark_steps
-- KEYS[1] the task's bitmap   KEYS[2] the task's record (hash)
-- KEYS[3] the bitmap of steps that gave up   KEYS[4] scratch, gone before the script ends
-- KEYS[5] the task's results (hash)   KEYS[6] optional: where to keep the answer
-- ARGV[1..3] as mark_steps has them   ARGV[4] how many bytes the results of the task may have
-- ARGV[5] how many runs of consecutive steps with results follow; of each its first step, how many steps, and
--               the result of each as JSON   then, as from ARGV[4] on of mark_steps, the steps without a result
-- returns as mark_steps; or {'full', bytes that its results would have}: nothing was done
-- Why a script: a step has one result, that of the report that set its bit, whatever is reported twice.
-- A field c<n> holds the results of steps 256 * n to 256 * n + 255: runs, each a line of @ and its first step less
--               256 * n, then one line per result. A result above 128 bytes has a field of its own, the step, and & is
--               its line: a chunk is written again with every report.
local r = redis.call('HMGET', KEYS[2], 'count', 'state', 'result_bytes')
local count, readable, bytes, fresh = tonumber(r[1]), r[1] and r[2] ~= 'done', tonumber(r[3] or 0), 0
local steps, runs, chunks, own = {}, {}, {}, {}
local at, last = 6, -2

local function keep(step, value)
  local chunk, offset = math.floor(step / 256), step % 256
  local lines = chunks[chunk]
  if not lines then lines = {}; chunks[chunk] = lines end
  if step ~= last + 1 or offset == 0 or #lines == 0 then lines[#lines + 1] = '@' .. offset end
  if #value > 128 then
    own[#own + 1] = {step, value}
    value = '&'
  end
  lines[#lines + 1] = value
  last, fresh = step, fresh + 1
end

for _ = 1, tonumber(ARGV[5]) do
  local first, length = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  if length == 1 then steps[#steps + 1] = ARGV[at] else runs[#runs + 1] = ARGV[at]; runs[#runs + 1] = first + length end
  -- A done task has no bitmap, and none of its steps are new. What is not a step mark_steps refuses.
  if readable and first >= 0 and first + length <= count then
    local none = redis.call('BITCOUNT', KEYS[1], first, first + length - 1, 'BIT') == 0
    for i = 0, length - 1 do
      if none or redis.call('GETBIT', KEYS[1], first + i) == 0 then
        local value = ARGV[at + 2 + i]
        keep(first + i, value)
        bytes = bytes + #value
      end
    end
  end
  at = at + 2 + length
end
if fresh > 0 and bytes > tonumber(ARGV[4]) then return {'full', string.format('%.0f', bytes)} end

local args = {ARGV[1], ARGV[2], ARGV[3], #steps + ARGV[at]}
for i = 1, #steps do args[#args + 1] = steps[i] end
for i = at + 1, #ARGV do args[#args + 1] = ARGV[i] end
for i = 1, #runs do args[#args + 1] = runs[i] end
local answer = mark_steps({KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[6]}, args)
if answer[1] ~= 'ok' or fresh == 0 then return answer end

for chunk, lines in pairs(chunks) do
  local field, text = 'c' .. string.format('%.0f', chunk), table.concat(lines, '\n')
  local kept = redis.call('HGET', KEYS[5], field)
  redis.call('HSET', KEYS[5], field, kept and kept .. '\n' .. text or text)
end
for i = 1, #own do redis.call('HSET', KEYS[5], string.format('%.0f', own[i][1]), own[i][2]) end
redis.call('PEXPIRE', KEYS[5], redis.call('PTTL', KEYS[2]))
redis.call('HSET', KEYS[2], 'result_bytes', string.format('%.0f', bytes))
redis.call('HINCRBY', KEYS[2], 'results', fresh)
return answer

-- mark_flag: set or clear a flag for users of one segment.
-- KEYS[1] the segment's bitmap   KEYS[2] where ranges and packed users are laid for the merge
-- ARGV[1] 1 to set, 0 to clear   ARGV[2] users as the bytes of one bitmap, '' for none
-- ARGV[3] how many ranges follow   ARGV[4..] each range, its first bit and the one after its last,
--         ascending; then single bits
-- returns how many users it changed
-- Why a script: who changed is known only while marking; and clearing must not make a bitmap that is not there,
--               nor one longer, which SETBIT would. Ranges are laid by whole bytes, and merged, since a
--               string that SETRANGE makes longer is given twice its size.
local key, batch, value = KEYS[1], KEYS[2], tonumber(ARGV[1])
local length, ranges = redis.call('STRLEN', key) * 8, tonumber(ARGV[3])
local singles, changed = 4 + 2 * ranges, 0
if value == 0 and length == 0 then return 0 end

if ranges == 0 and ARGV[2] == '' then
  for i = singles, #ARGV do
    if value == 1 or tonumber(ARGV[i]) < length then
      changed = changed + math.abs(value - redis.call('SETBIT', key, ARGV[i], value))
    end
  end
  return changed
end

local before = redis.call('BITCOUNT', key)
local covers = ARGV[2] == '' and #ARGV == 5 and ARGV[4] == '0' and tonumber(ARGV[5]) >= length
if covers and value == 0 then
  redis.call('UNLINK', key)
  return before
end

-- What is cleared ends where the bitmap does, so that the merge leaves it as long as it is.
local bound, some = value == 0 and length or math.huge, string.rep('\255', 4096)
local function lay(first, stop)
  stop = math.min(stop, bound)
  local left, right = math.ceil(first / 8), math.floor(stop / 8)
  if first == 0 and right > 0 and redis.call('EXISTS', batch) == 0 then
    -- Bytes that the server makes: those of a whole segment cost Lua over twice the time.
    redis.call('SETBIT', batch, right * 8 - 1, 0)
    redis.call('BITOP', 'NOT', batch, batch)
  else
    for at = left, right - 1, #some do
      redis.call('SETRANGE', batch, at, string.sub(some, 1, math.min(#some, right - at)))
    end
  end
  for bit = first, math.min(left * 8, stop) - 1 do redis.call('SETBIT', batch, bit, 1) end
  for bit = math.max(right, left) * 8, stop - 1 do redis.call('SETBIT', batch, bit, 1) end
end

if ARGV[2] ~= '' then
  redis.call('SET', batch, string.sub(ARGV[2], 1, math.min(#ARGV[2], bound / 8)))
  -- Equally long strings merge ten times faster.
  if #ARGV[2] * 8 < length then redis.call('SETBIT', batch, length - 1, 0) end
elseif ranges > 1 or ARGV[4] ~= '0' then
  redis.call('SETBIT', batch, math.min(ARGV[singles - 1], bound) - 1, 0) -- sized once
end
for i = 4, singles - 1, 2 do lay(tonumber(ARGV[i]), tonumber(ARGV[i + 1])) end
for i = singles, #ARGV do lay(tonumber(ARGV[i]), ARGV[i] + 1) end

if length == 0 or covers then
  redis.call('RENAME', batch, key)
elseif value == 1 then
  redis.call('BITOP', 'OR', key, key, batch)
else
  redis.call('BITOP', 'AND', batch, key, batch)
  redis.call('BITOP', 'XOR', key, key, batch)
end
redis.call('UNLINK', batch)
return math.abs(redis.call('BITCOUNT', key) - before)

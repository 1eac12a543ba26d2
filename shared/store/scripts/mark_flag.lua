-- mark_flag: set or clear a flag for users of one segment.
-- KEYS[1] the segment's bitmap   KEYS[2] where ranges and packed users are laid for the merge
-- ARGV[1] 1 to set, 0 to clear   ARGV[2] users as the bytes of one bitmap, '' for none
-- ARGV[3] how many ranges follow   ARGV[4..] each range, its first bit and the one behind its last;
--         then single bits
-- returns how many users it changed
-- Why a script: who changed is known only in the act; and clearing must not make a bitmap that is not there,
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

-- What is cleared ends where the bitmap does, so that the merge leaves it as long as it is.
local bound = value == 0 and length or math.huge
local function lay(first, stop)
  stop = math.min(stop, bound)
  local left, right = math.ceil(first / 8), math.floor(stop / 8)
  if left < right then redis.call('SETRANGE', batch, left, string.rep('\255', right - left)) end
  for bit = first, math.min(left * 8, stop) - 1 do redis.call('SETBIT', batch, bit, 1) end
  for bit = math.max(right * 8, left * 8), stop - 1 do redis.call('SETBIT', batch, bit, 1) end
end

if ARGV[2] ~= '' then redis.call('SET', batch, string.sub(ARGV[2], 1, math.min(#ARGV[2], bound / 8))) end
for i = #ARGV, singles, -1 do lay(tonumber(ARGV[i]), ARGV[i] + 1) end
for i = singles - 2, 4, -2 do lay(tonumber(ARGV[i]), tonumber(ARGV[i + 1])) end -- the last first: sized once

local before = redis.call('BITCOUNT', key)
if length == 0 then
  redis.call('RENAME', batch, key)
elseif value == 1 then
  redis.call('BITOP', 'OR', key, key, batch)
elseif redis.call('EXISTS', batch) == 1 then
  redis.call('BITOP', 'AND', batch, key, batch)
  redis.call('BITOP', 'XOR', key, key, batch)
end
redis.call('UNLINK', batch)
return math.abs(redis.call('BITCOUNT', key) - before)

-- rolling_counts: how many users each of some windows has, that slide over the bitmaps of one segment.
-- KEYS[1..n] the bitmaps, in the order of their periods   KEYS[n+1..] scratch, one for each window and two
--            more; gone before the script ends
-- ARGV[1] how many bitmaps a window has; not less than there are windows   ARGV[2] a 1 for each bitmap that
--         is there, a 0 for one that is not, all n
-- returns the count of each window, of which there are n less its width, and one
-- Why a script: what all windows have in common is computed once, and what lies in between is nobody else's.
-- The scratch is not written to the append-only file or sent to replicas. (fakeredis knows of neither.)
-- changes nothing
-- reads bitmaps twice
if redis.set_repl then redis.set_repl(redis.REPL_NONE) end
local width, there = tonumber(ARGV[1]), ARGV[2]
local windows = #there - width + 1
local ahead, result = KEYS[#there + windows + 1], KEYS[#there + windows + 2]

local function bitmap(place)
  if string.sub(there, place, place) == '1' then return KEYS[place] end
end

-- Of what is there; one alone is itself. At most 16 at a time: with more, older servers are ten times slower.
local function union(into, parts)
  if #parts < 2 then return parts[1] end
  redis.call('BITOP', 'OR', into, unpack(parts, 1, math.min(16, #parts)))
  for first = 17, #parts, 15 do
    redis.call('BITOP', 'OR', into, into, unpack(parts, first, math.min(first + 14, #parts)))
  end
  return into
end

-- Each window is its bitmaps up to the last that all windows have, and those ahead of that. The first kind
-- grows from the last window backwards, the second from the first window on: three operations a window.
local common, earlier = {}, {}
for place = windows, width do common[#common + 1] = bitmap(place) end
earlier[windows] = union(KEYS[#there + windows], common)
for window = windows - 1, 1, -1 do
  local parts = {earlier[window + 1]}
  parts[#parts + 1] = bitmap(window)
  earlier[window] = union(KEYS[#there + window], parts)
end

local counts, last = {}, nil
for window = 1, windows do
  if window > 1 then
    local parts = {last}
    parts[#parts + 1] = bitmap(width + window - 1)
    last = union(ahead, parts)
  end
  local parts = {earlier[window]}
  parts[#parts + 1] = last
  local all = union(result, parts)
  counts[window] = all and redis.call('BITCOUNT', all) or 0
end
redis.call('UNLINK', unpack(KEYS, #there + 1))
return counts

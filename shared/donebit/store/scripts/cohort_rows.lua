-- cohort_rows: how many users of each row's cohort are in the bitmaps of its columns too; of one segment.
-- KEYS[1..n] the bitmaps   KEYS[n+1] the row's cohort   KEYS[n+2] who was there before   KEYS[n+3] what is
--            computed in between; these three are gone before the script ends
-- ARGV[1] n   ARGV[2] 'first' where only those are a row's cohort who were not there before, else 'recurring'
-- ARGV[3] how many bitmaps have the users seen before the first row; then their places in KEYS
-- ARGV[..] for each row in turn: the place of its bitmap, 0 where this segment has none; how many columns;
--          and the places of their bitmaps, 0 where there is none
-- returns for each row in turn the size of its cohort, how many users of its bitmap are not in it as they were
--         there before, and the count of each column, all in one list
-- Why a script: a cohort, and who was there before, are carried from one computation to the next without ever
--               being seen or lost by others, or left over.
-- The three are not written to the append-only file or sent to replicas either, which would take a fifth of
-- the time again. (fakeredis knows of neither.)
-- changes nothing
-- reads bitmaps
if redis.set_repl then redis.set_repl(redis.REPL_NONE) end
-- Looking up redis.call for each of some hundred calls would take 50 us more.
local call, n, first = redis.call, tonumber(ARGV[1]), ARGV[2] == 'first'
local cohort, before, between = KEYS[n + 1], KEYS[n + 2], KEYS[n + 3]
local at, answer, anybody = 3, {}, false

local function read()
  at = at + 1
  return tonumber(ARGV[at])
end

-- Above 16 sources older servers leave their fast path: ten times slower for one source more.
local function add_to_before(keys)
  for start = 1, #keys, 15 do
    local part = {unpack(keys, start, math.min(start + 14, #keys))}
    if anybody then part[#part + 1] = before end
    call('BITOP', 'OR', before, unpack(part))
    anybody = true
  end
end

local function cohort_of(users)
  if not (first and anybody) then return users, 0 end
  -- A xor (A and B): right for any lengths, which A and (not B) is not where B is the shorter.
  call('BITOP', 'AND', between, users, before)
  call('BITOP', 'XOR', cohort, users, between)
  return cohort, call('BITCOUNT', between)
end

local known = {}
for i = 1, tonumber(ARGV[3]) do known[i] = KEYS[read()] end
add_to_before(known)
while at < #ARGV do
  local row, columns = read(), read()
  local users, seen = nil, 0
  if row > 0 then users, seen = cohort_of(KEYS[row]) end
  local size = users and call('BITCOUNT', users) or 0
  answer[#answer + 1], answer[#answer + 2] = size, seen
  for _ = 1, columns do
    local column, count = read(), 0
    if column == row then
      count = size
    elseif column > 0 and size > 0 then
      call('BITOP', 'AND', between, users, KEYS[column])
      count = call('BITCOUNT', between)
    end
    answer[#answer + 1] = count
  end
  if first and row > 0 then add_to_before({KEYS[row]}) end
end
call('UNLINK', cohort, before, between)
return answer

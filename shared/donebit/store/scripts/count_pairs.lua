-- count_pairs: how many users two bitmaps of a segment have in common, for many pairs; kept for the next time.
-- KEYS[1..n] the bitmaps, all of one event, in an order that only grows at its end
-- KEYS[n+1] what is combined, and KEYS[n+2] a union of bitmaps, both gone before the script ends
-- KEYS[n+3] what is kept of the segment
-- ARGV[1] n   ARGV[2] how many bytes of results may be combined   ARGV[3] with how many users of all bitmaps
--         counts are kept, and ARGV[4] for how long (s)   ARGV[5] the generation where nothing is kept yet
-- ARGV[6] under which name they are kept   ARGV[7] of how many bitmaps at most
-- ARGV[8] 'unions' where each bitmap of a row stands for the union of all up to it, 'pairs' where for itself
-- ARGV[9..] rows of pairs, three numbers each: the place of a bitmap in KEYS, and the first and the last of those
--         that it makes pairs with; of unions these come after it
-- returns the users of each bitmap and then those of each pair as one text, -1 for a pair beyond the bytes
-- Why a script: a pair is counted of the bitmaps as they were when they were counted themselves. They only
--               grow; what clears bits drops what is kept. So while all have as many users, so has the pair.
-- Kept are {names, users, pairs}: the pairs of the first bitmap with those after it, of the second, and so on,
-- -1 for one that is not known.
-- What is combined is not written to the append-only file or sent to replicas. (fakeredis knows of neither.)
-- changes nothing
-- reads bitmaps
if redis.set_repl then redis.set_repl(redis.REPL_NONE) end
local call, n, left, unions = redis.call, tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[8] == 'unions'
local both, union, kept, under = KEYS[n + 1], KEYS[n + 2], KEYS[n + 3], ARGV[6]
local answer, names, place, all = {}, {}, {}, 0

local begin = #kept - #'windows' + 1 -- of a period's name
for i = 1, n do
  local name, users = string.sub(KEYS[i], begin), call('BITCOUNT', KEYS[i])
  answer[i], names[i], place[name], all = users, name, i, all + users
end
local worth = all >= tonumber(ARGV[3])
local found = worth and call('GET', kept)
local stored = found and cjson.decode(found) or {ARGV[5], {}}
local old_names, old_users, old_pairs = unpack(stored[2][under] or {{}, {}, {}})

local function at(i, j, count) -- the place of a pair
  if i > j then i, j = j, i end
  return (i - 1) * (2 * count - i) / 2 + j - i
end

-- Where each bitmap stands in what is kept, if it has as many users as then; and how many of the first are the same.
local old, most_old, same = {}, #old_names, 0
for i = 1, most_old do
  local now = place[old_names[i]]
  if now and answer[now] == old_users[i] then
    old[now] = i
    if now == i and same == i - 1 then same = i end
  end
end

local function known(a, b)
  local i, j = old[a], old[b]
  if not j or not i or unions and a > same then return nil end
  local users = old_pairs[at(i, j, most_old)]
  return users >= 0 and users or nil
end

local united = 0
local function source(a) -- what a bitmap of a row stands for
  if not unions or a == 1 then return KEYS[a] end
  while united < a do
    local last = math.min(a, united + 15) -- above 16 sources older servers leave their fast path
    local parts = {unpack(KEYS, united + 1, last)}
    if united > 0 then parts[#parts + 1] = union end
    left, united = left - call('BITOP', 'OR', union, unpack(parts)), last
  end
  return union
end

local counted, changed = {}, false
local function count(a, b)
  if a == b or answer[b] == 0 then return answer[b] end
  local users = not unions and answer[a] == 0 and 0 or known(a, b)
  if users or left <= 0 then return users or -1 end
  left, changed = left - math.max(call('BITOP', 'AND', both, source(a), KEYS[b]), 4096), true
  users = call('BITCOUNT', both)
  counted[at(a, b, n)] = users
  return users
end

for row = 9, #ARGV, 3 do
  local a = tonumber(ARGV[row])
  for b = tonumber(ARGV[row + 1]), tonumber(ARGV[row + 2]) do answer[#answer + 1] = count(a, b) end
end
if changed then call('UNLINK', both, union) end

-- Those of first rows that have passed, say: what is asked for again is counted again.
local function drop_if_too_many(entries)
  local matrices = {}
  for name, one in pairs(entries) do
    if #one == 3 then matrices[#matrices + 1] = name end
  end
  if #matrices < 6 then return end
  for _, name in ipairs(matrices) do entries[name] = nil end
end

if worth and changed then
  local users, pairs_of, others = {unpack(answer, 1, n)}, {}, {}
  for i, name in ipairs(old_names) do
    if not place[name] then others[#others + 1] = i end
  end
  if n + #others <= tonumber(ARGV[7]) then
    for _, i in ipairs(others) do
      names[#names + 1], users[#users + 1] = old_names[i], old_users[i]
      old[#names] = i
    end
  end
  for a = 1, #names do
    for b = a + 1, #names do
      pairs_of[#pairs_of + 1] = b <= n and counted[at(a, b, n)] or known(a, b) or -1
    end
  end
  if not stored[2][under] then drop_if_too_many(stored[2]) end
  stored[2][under] = {names, users, pairs_of}
  if redis.set_repl then redis.set_repl(redis.REPL_ALL) end
  call('SET', kept, cjson.encode(stored), 'EX', ARGV[4])
end
return table.concat(answer, ' ')

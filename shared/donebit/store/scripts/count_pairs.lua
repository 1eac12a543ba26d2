-- count_pairs: how many users two bitmaps of a segment have in common, for many pairs; kept for the next time.
-- KEYS[1..n] the bitmaps, all of one event and granularity, ascending
-- KEYS[n+1] what is combined, gone before the script ends   KEYS[n+2] what is kept of the segment
-- ARGV[1] n   ARGV[2] how many bytes of results may be combined   ARGV[3] with how many users of all bitmaps
--         counts are kept, and ARGV[4] for how long (s)   ARGV[5] the generation where nothing is kept yet
-- ARGV[6] of how many bitmaps counts are kept at most
-- ARGV[7..] rows of pairs, three numbers each: the place of a bitmap in KEYS, and the first and the last of those
--         that it makes pairs with
-- returns the users of each bitmap and then those of each pair as one text, -1 for a pair beyond the bytes
-- Why a script: a pair is counted of the bitmaps as they were when they were counted themselves. Both only
--               grow; what clears bits drops what is kept. So while both have as many users, so has the pair.
-- Kept of a granularity are {names, users, pairs}: the pairs of the first bitmap, of the second with those
-- after it, and so on, -1 for one that is not known.
-- What is combined is not written to the append-only file or sent to replicas. (fakeredis knows of neither.)
-- changes nothing
-- reads bitmaps
if redis.set_repl then redis.set_repl(redis.REPL_NONE) end
local call, n, left, most = redis.call, tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[6])
local both, kept = KEYS[n + 1], KEYS[n + 2]
local answer, names, place, all = {}, {}, {}, 0

local begin = #kept - #'windows' + 1 -- of a period's name
for i = 1, n do
  local name, users = string.sub(KEYS[i], begin), call('BITCOUNT', KEYS[i])
  answer[i], names[i], place[name], all = users, name, i, all + users
end
local worth = all >= tonumber(ARGV[3])
local found = worth and call('GET', kept)
local stored = found and cjson.decode(found) or {ARGV[5], {}}
local of_granularity = 'pairs/' .. #names[1]
local old_names, old_users, old_pairs = unpack(stored[2][of_granularity] or {{}, {}, {}})

local function at(i, j, count) -- the place of a pair
  if i > j then i, j = j, i end
  return (i - 1) * (2 * count - i) / 2 + j - i
end

-- Where each bitmap stands in what is kept, if it has as many users as then.
local old, most_old = {}, #old_names
for i = 1, most_old do
  local now = place[old_names[i]]
  if now and answer[now] == old_users[i] then old[now] = i end
end

local function known(i, j)
  local users = i and j and old_pairs[at(i, j, most_old)]
  return users and users >= 0 and users or nil
end

local counted, changed = {}, false
local function count(a, b)
  if a == b or answer[a] == 0 then return answer[a] end
  local users = answer[b] == 0 and 0 or known(old[a], old[b])
  if users or left <= 0 then return users or -1 end
  left, changed = left - math.max(call('BITOP', 'AND', both, KEYS[a], KEYS[b]), 4096), true
  users = call('BITCOUNT', both)
  counted[at(a, b, n)] = users
  return users
end

for row = 7, #ARGV, 3 do
  local a = tonumber(ARGV[row])
  for b = tonumber(ARGV[row + 1]), tonumber(ARGV[row + 2]) do answer[#answer + 1] = count(a, b) end
end
if changed then call('UNLINK', both) end

if worth and changed then
  local users, pairs_of, others = {unpack(answer, 1, n)}, {}, {}
  for i, name in ipairs(old_names) do
    if not place[name] then others[#others + 1] = i end
  end
  if n + #others <= most then
    for _, i in ipairs(others) do
      names[#names + 1], users[#users + 1] = old_names[i], old_users[i]
      old[#names] = i
    end
  end
  for a = 1, #names do
    for b = a + 1, #names do
      pairs_of[#pairs_of + 1] = b <= n and counted[at(a, b, n)] or known(old[a], old[b]) or -1
    end
  end
  stored[2][of_granularity] = {names, users, pairs_of}
  if redis.set_repl then redis.set_repl(redis.REPL_ALL) end
  call('SET', kept, cjson.encode(stored), 'EX', ARGV[4])
end
return table.concat(answer, ' ')

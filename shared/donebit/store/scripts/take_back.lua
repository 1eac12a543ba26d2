-- take_back: take the visits of some days back, out of all periods that the days lie in, in one segment.
-- KEYS[1..n] bitmaps, the days that are taken back first, then their hours   KEYS[n+1] how many users the all-time bitmap holds
-- KEYS[n+2..n+4] scratch, gone before the script ends   KEYS[n+5] what is kept of windows of the event's days
-- ARGV[1] 'apply', or 'check' to change nothing   ARGV[2] n   ARGV[3] how many days   ARGV[4] how many hours
-- ARGV[5] how many periods
-- ARGV[6..] of each period its place in KEYS; how many bitmaps prove that a user stays in it, and their
--           places; how many times of it have expired, and of each how many bitmaps contain it and their places
-- returns {users of the days, visits, then how many users each period loses}; {'unknown', the period's number}
--         where a user may have been there at a time that has expired: nothing was changed
-- Why a script: a visit that arrives meanwhile is wholly before it, and is taken back, or wholly after it, and
--               stays in all of its periods. BITOP drops the TTL of what it writes, so it is set again.
-- A check leaves nothing, so nothing of it goes to replicas or into the append-only file.
-- reads bitmaps
if redis.set_repl and ARGV[1] == 'check' then redis.set_repl(redis.REPL_NONE) end
local call, at, n, days = redis.call, 5, tonumber(ARGV[2]), tonumber(ARGV[3])
local taken, gone, between, counter = KEYS[n + 2], KEYS[n + 3], KEYS[n + 4], KEYS[n + 1]

local function read()
  at = at + 1
  return tonumber(ARGV[at])
end

local present = {}
local function exists(key)
  if present[key] == nil then present[key] = call('EXISTS', key) == 1 end
  return present[key]
end

-- Those of some bitmaps that are there, and whether all are: an absent one would make BITOP ten times slower.
local function places()
  local found, all = {}, true
  for _ = 1, read() do
    local key = KEYS[read()]
    if exists(key) then found[#found + 1] = key else all = false end
  end
  return found, all
end

-- Above 16 sources older servers leave their fast path: ten times slower for one source more.
local function fold(operation, into, keys)
  for first = 1, #keys, 15 do
    local part = {unpack(keys, first, math.min(first + 14, #keys))}
    if first > 1 then part[#part + 1] = into end
    call('BITOP', operation, into, unpack(part))
  end
end

-- Of the users taken back those whom nothing else proves to have been in the period; nil if one may have been.
local function losing(period)
  local staying = places()
  if not exists(period) then
    call('UNLINK', gone)
  elseif #staying > 0 then
    fold('OR', between, staying)
    call('BITOP', 'AND', between, between, taken)
    call('BITOP', 'XOR', gone, taken, between)
  else
    call('BITOP', 'OR', gone, taken)
  end
  if exists(period) then call('BITOP', 'AND', gone, gone, period) end
  local known = true
  for _ = 1, read() do
    local containing, all = places()
    if all then
      containing[#containing + 1] = gone
      fold('AND', between, containing)
      known = known and call('BITCOUNT', between) == 0
    end
  end
  return known
end

local function finish(answer)
  call('UNLINK', taken, gone, between)
  return answer
end

local visits = 0
for day = 1, days do visits = visits + call('BITCOUNT', KEYS[day]) end
local there = {}
for day = 1, days do
  if exists(KEYS[day]) then there[#there + 1] = KEYS[day] end
end
fold('OR', taken, there)
local answer = {call('BITCOUNT', taken), visits}
for number = 1, tonumber(ARGV[5]) do
  if not losing(KEYS[read()]) then return finish({'unknown', number}) end
  answer[number + 2] = call('BITCOUNT', gone)
end
if ARGV[1] == 'apply' then
  at = 5
  for _ = 1, tonumber(ARGV[5]) do
    local period = KEYS[read()]
    losing(period)
    if call('BITCOUNT', gone) > 0 then
      local expires = call('EXPIRETIME', period)
      call('BITOP', 'XOR', period, period, gone)
      if expires > 0 then call('EXPIREAT', period, expires) end
      if period == KEYS[n] and call('EXISTS', counter) == 1 then
        call('SET', counter, call('BITCOUNT', period))
      end
    end
  end
  call('UNLINK', KEYS[n + 5], unpack(KEYS, 1, days + ARGV[4]))
end
return finish(answer)

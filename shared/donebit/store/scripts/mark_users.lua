-- mark_users: record that users of one segment were here, in every period that still lives.
-- KEYS[1..P] the segment's bitmap of each period, all-time last
-- KEYS[P+1]  how many users the all-time bitmap holds   KEYS[P+2] scratch, gone before the script ends
-- ARGV[1..P] the time each period expires (s, 0 for never)   ARGV[P+1] '1' when the batch is packed
-- ARGV[P+2..] the bits within the segment, descending, or all of them as the bytes of one bitmap
-- returns how many of them were new, per period
-- Why a script: a bit without its TTL would stay for ever, and who was new is known only while marking.
--               BITOP drops the TTL of what it writes, so the TTL is set again after every merge.
--               A string that grows by itself takes twice its length: it is made as long as its allocation
--               is by a merge with one that is, and equally long strings merge ten times faster.
local P, fresh = #KEYS - 2, {}
local packed, counter, batch = ARGV[P + 1] == '1', KEYS[P + 1], KEYS[P + 2]
local laid = packed and #ARGV[P + 2] or 0
if packed then redis.call('SET', batch, ARGV[P + 2]) end

local function lengthen(size) -- the scratch
  if laid < size then redis.call('SETBIT', batch, size * 8 - 1, 0) laid = size end
end

local function room_for(size)
  local power = 4096
  while power * 2 < size + 16 do power = power * 2 end
  return math.ceil((size + 16) / power * 4) * power / 4 - 16
end

-- The bits are set the last first: it makes a new string as long as it has to be, at once.
local function grow(key)
  local size, length = math.floor(ARGV[P + 2] / 8) + 1, redis.call('STRLEN', key)
  if length < size and size > 4080 then
    if length == 0 then return redis.call('SETBIT', key, room_for(size) * 8 - 1, 0) end
    lengthen(room_for(size))
    redis.call('BITOP', 'OR', key, key, batch)
  end
end

for p = 1, P do
  local key, new = KEYS[p], 0
  if packed then
    local before = redis.call('BITCOUNT', key)
    lengthen(redis.call('STRLEN', key))
    redis.call('BITOP', 'OR', key, key, batch)
    new = redis.call('BITCOUNT', key) - before
  else
    grow(key)
    for i = P + 2, #ARGV do new = new + 1 - redis.call('SETBIT', key, ARGV[i], 1) end
  end
  if ARGV[p] ~= '0' then redis.call('EXPIREAT', key, ARGV[p]) end
  fresh[p] = new
end
if redis.call('EXISTS', counter) == 1 then
  redis.call('INCRBY', counter, fresh[P])
else
  redis.call('SET', counter, redis.call('BITCOUNT', KEYS[P]))
end
if laid > 0 then redis.call('UNLINK', batch) end
return fresh

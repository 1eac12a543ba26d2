-- mark_users: record that users of one segment were here, in every period that still lives.
-- KEYS[1..P] the segment's bitmap of each period, all-time last
-- KEYS[P+1]  how many users the all-time bitmap holds   KEYS[P+2] where a packed batch is laid for the merge
-- ARGV[1..P] the time each period expires (s, 0 for never)   ARGV[P+1] '1' when the batch is packed
-- ARGV[P+2..] the bits within the segment, or all of them as the bytes of one bitmap
-- returns how many of them were new, per period
-- Why a script: a bit without its TTL would stay for ever, and who was new is known only in the act.
--               BITOP drops the TTL of what it writes, so the TTL is set again after every merge.
local P, fresh = #KEYS - 2, {}
local packed, batch = ARGV[P + 1] == '1', KEYS[P + 2]
if packed then redis.call('SET', batch, ARGV[P + 2]) end
for p = 1, P do
  local key, new = KEYS[p], 0
  if packed then
    local before = redis.call('BITCOUNT', key)
    redis.call('BITOP', 'OR', key, key, batch)
    new = redis.call('BITCOUNT', key) - before
  else
    for i = P + 2, #ARGV do new = new + 1 - redis.call('SETBIT', key, ARGV[i], 1) end
  end
  if ARGV[p] ~= '0' then redis.call('EXPIREAT', key, ARGV[p]) end
  fresh[p] = new
end
local counter = KEYS[P + 1]
if redis.call('EXISTS', counter) == 1 then
  redis.call('INCRBY', counter, fresh[P])
else
  redis.call('SET', counter, redis.call('BITCOUNT', KEYS[P]))
end
if packed then redis.call('UNLINK', batch) end
return fresh

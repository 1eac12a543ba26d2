-- visit: one visit of one user, where every bitmap that it marks exists already, and is long enough.
-- KEYS[1..P] the segment's bitmap of each period, all-time last
-- KEYS[P+1]  how many users the segment's all-time bitmap holds; its name says their kind
-- ARGV[1]    the user's bit within the segment
-- returns {1 when the user was not seen before, how many users the segment holds then}; nothing when a
--         bitmap is missing or too short, and nothing was marked
-- Why a script: a bitmap that exists has its registry and its TTL, and one that is missing must not be made
--               without them; one that SETBIT makes longer takes twice its length; the count must change
--               with the bit.
local counted = #KEYS
local count = redis.call('GET', KEYS[counted])
if not count then return {} end
for p = 1, counted - 1 do
  if redis.call('STRLEN', KEYS[p]) * 8 <= tonumber(ARGV[1]) then return {} end
end
for p = 1, counted - 2 do redis.call('SETBIT', KEYS[p], ARGV[1], 1) end
if redis.call('SETBIT', KEYS[counted - 1], ARGV[1], 1) == 0 then return {1, redis.call('INCR', KEYS[counted])} end
return {0, tonumber(count)}

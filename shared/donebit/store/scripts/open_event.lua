-- open_event: enter segments into the registries of an event's periods, before any visit is written there.
-- KEYS[1] what is known about the event (hash)   KEYS[2] its periods (sorted set)
-- KEYS[3..] the registry of each period (bitmap over segments), the period `all` last
-- ARGV[1] the kind of users   ARGV[2] how many segments the event may span
-- ARGV[3] the field of KEYS[1] that says of a period that it was imported as a whole, '' for none
-- ARGV[4] the day on which the visits may begin
-- ARGV[5] how many segments follow   ARGV[6..] the segments; then each period's name and the time it expires (s, 0 for never), in turn
-- returns {'ok', 1 where it began}, {'kind', the kind it holds} or {'segments', how many it would span}
-- Why a script: the kind and the span are checked and claimed atomically, so that a batch which is refused
--               changes nothing, and two first batches cannot both choose the kind.
local about, periods, all = KEYS[1], KEYS[2], KEYS[#KEYS]
local kind = redis.call('HGET', about, 'kind')
if kind and kind ~= ARGV[1] then return {'kind', kind} end

local last = 5 + ARGV[5]
local span = redis.call('BITCOUNT', all)
for i = 6, last do span = span + 1 - redis.call('GETBIT', all, ARGV[i]) end
if span > tonumber(ARGV[2]) then return {'segments', span} end

-- An event without the day is of a time when none was noted: what it has cannot be said any more.
local oldest = redis.call('HGET', about, 'oldest')
if not kind or (oldest and ARGV[4] < oldest) then
  redis.call('HSET', about, 'oldest', ARGV[4])
end
redis.call('HSET', about, 'kind', ARGV[1])
for k = 3, #KEYS do
  local name, expires = ARGV[last + 2 * (k - 2) - 1], ARGV[last + 2 * (k - 2)]
  for i = 6, last do redis.call('SETBIT', KEYS[k], ARGV[i], 1) end
  if expires ~= '0' then redis.call('EXPIREAT', KEYS[k], expires) end
  -- With each new period the names of those that are over go; what never is has the score 0.
  if redis.call('ZADD', periods, expires, name) == 1 then
    redis.call('ZREMRANGEBYSCORE', periods, 1, redis.call('TIME')[1])
  end
end
if ARGV[3] ~= '' then
  redis.call('HSET', about, ARGV[3], 1)
  -- Of hours and days that are over the names go here too. Those of weeks and months stay, 64 a year: they say
  -- that users of all time may have been there who are in no day.
  for _, field in ipairs(redis.call('HKEYS', about)) do
    local imported = string.match(field, '^imported:(.+)')
    if imported and #imported > #'2026-W01' and not redis.call('ZSCORE', periods, imported) then
      redis.call('HDEL', about, field)
    end
  end
end
return {'ok', kind and 0 or 1}

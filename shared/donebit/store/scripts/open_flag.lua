-- open_flag: enter segments into a flag's registry, before anybody is flagged there.
-- KEYS[1] what is known about the flag (hash)   KEYS[2] the registry (bitmap over segments) of a generation
-- ARGV[1] the kind of users   ARGV[2] how many segments the flag may span   ARGV[3] the generation
-- ARGV[4..] the segments
-- returns {'ok', 1 where it began}, {'kind', the kind it holds}, {'segments', how many it would span}, or
--         {'replaced'} when the flag is in another generation
-- Why a script: the kind and the span are checked and claimed atomically, so that a batch which is refused
--               changes nothing, and two first batches cannot both choose the kind.
local about, registry = KEYS[1], KEYS[2]
local kind = redis.call('HGET', about, 'kind')
if kind and kind ~= ARGV[1] then return {'kind', kind} end

if (redis.call('HGET', about, 'generation') or '') ~= ARGV[3] then return {'replaced'} end

local span = redis.call('BITCOUNT', registry)
for i = 4, #ARGV do span = span + 1 - redis.call('GETBIT', registry, ARGV[i]) end
if span > tonumber(ARGV[2]) then return {'segments', span} end

if not kind then redis.call('HSET', about, 'kind', ARGV[1]) end
for i = 4, #ARGV do redis.call('SETBIT', registry, ARGV[i], 1) end
return {'ok', kind and 0 or 1}

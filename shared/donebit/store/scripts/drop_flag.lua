-- drop_flag: drop what is known about a flag, and its registries.
-- KEYS[1] what is known about the flag (hash)   KEYS[2] the registry of its generation
-- KEYS[3..] those of generations that were replaced
-- ARGV[1] the generation
-- returns what its registry held, '' for none; nothing, and nothing is dropped, when it is in another generation
-- Why a script: a segment entered since the registry was last read must be known, or its bits would stay.
if (redis.call('HGET', KEYS[1], 'generation') or '') ~= ARGV[1] then return false end
local registry = redis.call('GET', KEYS[2]) or ''
redis.call('UNLINK', unpack(KEYS))
return registry

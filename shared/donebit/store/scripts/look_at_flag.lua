-- look_at_flag: say what a flag's generation holds after marks were made in it, and note that there were some.
-- KEYS[1] what is known about the flag (hash)   KEYS[2] the registry of the generation that was marked
-- ARGV[1] that generation   ARGV[2] 1 when the marks changed anything
-- returns the registry, '' for none; nothing when the flag is gone or in another generation
-- Why a script: a flag that is computed from itself is exchanged only if no marks are noted since it was read,
--               so they must be noted in the same act that finds it not exchanged.
local about = KEYS[1]
if redis.call('HEXISTS', about, 'kind') == 0 then return false end
if (redis.call('HGET', about, 'generation') or '') ~= ARGV[1] then return false end
if ARGV[2] == '1' then redis.call('HINCRBY', about, 'changes', 1) end
return redis.call('GET', KEYS[2]) or ''

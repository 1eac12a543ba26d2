-- replace_entry: change the entry of a name in the list of all events or flags, or of a generation in what is
--                known about a flag, unless another process did.
-- KEYS[1] the list, or what is known about a flag (hash)
-- ARGV[1] the name   ARGV[2] its entry as it was read   ARGV[3] its new one, '' to take it out
-- returns 1 when it is so, 0 when the entry was another
-- Why a script: who begins an event or a flag again enters it, and that entry must stay; and what was dropped
--               must not come back.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
if ARGV[3] == '' then return redis.call('HDEL', KEYS[1], ARGV[1]) end
redis.call('HDEL', KEYS[1], '')  -- nothing: a full server lets what follows a deletion through, as one must end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1

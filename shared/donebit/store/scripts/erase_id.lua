-- erase_id: take an id out of the directory, both ways.
-- KEYS[1] id -> number (hash)   KEYS[2] how many were erased ever
-- KEYS[3] the numbers whose bits are still to be cleared (set)
-- KEYS[4] the bucket of its number: number -> id (list); left out where that is in another shard
-- ARGV[1] the id   ARGV[2] its number, as KEYS[1] has it   ARGV[3] the number   ARGV[4] its place in KEYS[4]
-- returns 1, or 0 where the id has another number by now, or none
-- Why a script: a number without an id, or an id without a number, would stay so; a process that read a
--               number before sees that one was erased; and a crash after it leaves the number to go on
--               with.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('INCR', KEYS[2])
redis.call('SADD', KEYS[3], ARGV[3])
if KEYS[4] then redis.call('LSET', KEYS[4], ARGV[4], '') end
return 1

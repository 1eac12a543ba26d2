-- erase_text: take a text out of the directory, both ways.
-- KEYS[1] text -> number (hash)   KEYS[2] number -> text (hash)   KEYS[3] how many were erased ever
-- KEYS[4] the numbers whose bits are still to be cleared (set)
-- ARGV[1] the text   ARGV[2] its number   ARGV[3] the number as the field of KEYS[2]
-- returns 1, or 0 where the text has another number by now, or none
-- Why a script: a number without a text, or a text without a number, would stay so; whoever is told of a
--               number before this sees that one was erased after; and a crash behind it leaves the number
--               to go on with.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[3])
redis.call('INCR', KEYS[3])
redis.call('SADD', KEYS[4], ARGV[2])
return 1

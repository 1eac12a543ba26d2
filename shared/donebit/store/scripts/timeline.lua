-- timeline: in which of many bitmaps of one segment one user's bit is set.
-- KEYS[1..n] the segment's bitmap of each period, oldest first
-- ARGV[1] the bit within the segment
-- returns a text of n characters, '1' where the bit is set and '0' where it is not
-- Why a script: 400 periods are one short answer, where a pipeline of GETBITs is 400 to write and to read; and
--               they are all of one moment.
-- changes nothing
local found, call, keys, bit = {}, redis.call, KEYS, ARGV[1]
-- Texts, as to make one of each number takes a fifth of the whole.
for i = 1, #keys do found[i] = call('GETBIT', keys[i], bit) == 1 and '1' or '0' end
return table.concat(found)

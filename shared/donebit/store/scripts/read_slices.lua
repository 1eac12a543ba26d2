-- read_slices: the same bytes of many bitmaps of one segment.
-- KEYS[1..n] the segment's bitmap of each period
-- ARGV[1] the first byte   ARGV[2] the last, itself included
-- returns {the bytes of each}, fewer where a bitmap ends before, none where there is no bitmap
-- Why a script: as many GETRANGEs cost the client more to write and to read than what is computed with them.
local found = {}
for i = 1, #KEYS do found[i] = redis.call('GETRANGE', KEYS[i], ARGV[1], ARGV[2]) end
return found

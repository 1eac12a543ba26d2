-- keep_windows: keep what the windows of a segment's days were counted to be, unless bits were cleared meanwhile.
-- KEYS[1] what is kept of the segment's windows
-- ARGV[1] what was kept before they were counted, '' for nothing   ARGV[2] what is kept from now on   ARGV[3] for how long (s)
-- returns 1 when it is kept, 0 otherwise
-- Why a script: a script that clears bits drops what is kept, and what was counted before must not come back.
-- changes nothing
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1

-- note_layout: write the layout at the first visit.
-- KEYS[1] the layout (string)
-- ARGV[1] the layout   ARGV[2] what a store whose tasks are in shards has there before its first visit
-- returns false when it was written, else what is there
-- Why a script: of two services with different zones only one must believe that it wrote its own.
local found = redis.call('GET', KEYS[1])
if found and found ~= ARGV[2] then return found end
redis.call('SET', KEYS[1], ARGV[1])
return false

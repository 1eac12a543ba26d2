-- note_erasure: note that somebody was erased whom a flag may still be given.
-- KEYS[1] what is known about the flag (hash)
-- ARGV    none
-- returns 1 when it was noted, 0 for a flag that is not there
-- Why a script: a flag that was dropped meanwhile must not be made again by the note.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HDEL', KEYS[1], '')  -- nothing: a full server lets what follows a deletion through
redis.call('HINCRBY', KEYS[1], 'erasures', 1)
return 1

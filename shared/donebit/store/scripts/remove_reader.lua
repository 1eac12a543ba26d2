-- remove_reader: note that a task which read another's results has ended.
-- KEYS[1] the record of the task that was read (hash)
-- ARGV[1] its nonce   ARGV[2] the id of the task that read it
-- returns 1 when it was a reader, 0 otherwise
-- Why a script: of a task that was made under this id since nothing must change.
if redis.call('HGET', KEYS[1], 'nonce') ~= ARGV[1] then return 0 end
return redis.call('HDEL', KEYS[1], 'reader:' .. ARGV[2])

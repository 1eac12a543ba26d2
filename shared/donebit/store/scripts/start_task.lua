-- start_task: lay down the end marker and the record of a new task; of one without steps the record alone.
-- KEYS[1] the task's bitmap   KEYS[2] the task's record (hash)
-- KEYS[3] the items of its steps (stream)   KEYS[4..] what else an expired task under this id may have left
-- ARGV[1] count N, '' for a task that is done at once   ARGV[2] TTL in ms
-- ARGV[3] how many of what follows are the record's fields and values, in turn
--               then the chunks of items: the first step, and the chunk
-- returns false when the task was made, else what was asked for when the one that exists was
-- Why a script: marker and record stand together or not at all, and two callers with the same id
--               must not both believe that they made the task.
local asked = redis.call('HMGET', KEYS[2], 'state', 'order')
-- A record whose bitmap is gone, unless its task is done, is an expired task: the id is free again.
if asked[1] and (asked[1] == 'done' or redis.call('EXISTS', KEYS[1]) == 1) then
  return asked[2]
end
redis.call('UNLINK', unpack(KEYS))
if ARGV[1] ~= '' then -- a done task has no bitmap
  redis.call('SETBIT', KEYS[1], ARGV[1], 1)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
local last = 3 + ARGV[3]
redis.call('HSET', KEYS[2], unpack(ARGV, 4, last))
for i = last + 1, #ARGV, 2 do
  redis.call('XADD', KEYS[3], string.format('%.0f-0', ARGV[i] + 1), 'z', ARGV[i + 1]) -- 0-0 is no id
end
redis.call('PEXPIRE', KEYS[3], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return false

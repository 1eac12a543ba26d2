-- fire_schedule: start the task of one firing of a schedule, and move the schedule's mark past that firing.
-- needs: start_task
-- KEYS[1] the schedule (hash)   KEYS[2] the bitmap, KEYS[3] the record of the task that it started last
-- KEYS[4..] of the new task, as start_task has them: its bitmap, its record and the others
-- ARGV[1] the schedule's version, ARGV[2] its mark, as they were read   ARGV[3] the firing in ms
-- ARGV[4] what to do while the last task runs: allow, skip or queue   ARGV[5] firings in ms that are queued then
-- ARGV[6] the new task's id   ARGV[7..] as start_task has them
-- returns 'started'; 'exists', for a task under its id that was there; 'skipped'; 'queued'; or 'changed'
-- Why a script: between the task and the mark nothing can crash, so each firing starts its task once, however
--               many look, and also when that task is long forgotten. All these keys have one slot: the id of
--               the task is made so.
local asked = redis.call('HMGET', KEYS[1], 'version', 'mark', 'paused_at', 'last', 'queued')
if asked[1] ~= ARGV[1] or asked[2] ~= ARGV[2] or asked[3] then return 'changed' end
local runs = redis.call('HGET', KEYS[3], 'state') == 'running' and redis.call('EXISTS', KEYS[2]) == 1
if asked[4] and runs and ARGV[4] == 'queue' then
  -- Another look, which began later, may have queued more.
  if tonumber(ARGV[5]) > tonumber(asked[5] or 0) then redis.call('HSET', KEYS[1], 'queued', ARGV[5]) end
  return 'queued'
end
-- The first write: a full server refuses it, and with it all that follows.
redis.call('HSET', KEYS[1], 'mark', ARGV[3])
if asked[4] and runs and ARGV[4] == 'skip' then
  redis.call('HINCRBY', KEYS[1], 'skipped', 1)
  return 'skipped'
end
if start_task({unpack(KEYS, 4)}, {unpack(ARGV, 7)}) then return 'exists' end
redis.call('HINCRBY', KEYS[1], 'started', 1)
redis.call('HSET', KEYS[1], 'last', ARGV[6], 'last_at', ARGV[3])
return 'started'

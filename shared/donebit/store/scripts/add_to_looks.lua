-- add_to_looks: count steps that a task gets among those missing in the looks that its speed is told by.
-- KEYS[1] the task's record (hash)
-- ARGV[1] how many steps
-- returns nothing
-- Why a script: every script that adds steps calls it, or they would count as steps that were undone.
for _, look in ipairs({'seen_left', 'before_left'}) do
  if redis.call('HEXISTS', KEYS[1], look) == 1 then redis.call('HINCRBY', KEYS[1], look, ARGV[1]) end
end

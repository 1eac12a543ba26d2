-- mark_and_release: set the bits of the last steps of a message, and then give up the lease on its steps.
-- needs: mark_steps
-- needs: release_lease
-- KEYS[1] the task's leases (hash)   KEYS[2..] as mark_steps has them from KEYS[1] on
-- ARGV[1..3] as release_lease has them   ARGV[4..] as mark_steps has them from ARGV[1] on
-- returns as mark_steps; the lease stays where nothing was marked
-- Why a script: a lease that is given up before its steps are marked would let them be sent again.
local keys, args = {}, {}
for i = 2, #KEYS do keys[i - 1] = KEYS[i] end
for i = 4, #ARGV do args[i - 3] = ARGV[i] end
local marked = mark_steps(keys, args)
if type(marked) == 'string' or marked[1] == 'ok' then release_lease({KEYS[1]}, {ARGV[1], ARGV[2], ARGV[3]}) end
return marked

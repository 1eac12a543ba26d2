-- add_counts: add to the figures of all processes, by job for as many jobs as have a name there.
-- KEYS[1] the figures (hash): <figure>/<job> -> a number, and job/<job> -> 1 for each job that has a name there
-- ARGV[1] TTL in ms   ARGV[2] the most jobs with a name   ARGV[3..] in turn: a figure, a job, what is added
-- returns nothing
-- Why a script: of two processes with a new job each only one may get the last name, and a name is taken with
--               the first count under it.
local names
local function named(job)
  -- No job has a name with a bracket: what stands in brackets is none, and the empty one is of no job at all.
  if job == '' or job:sub(1, 1) == '(' or redis.call('HEXISTS', KEYS[1], 'job/' .. job) == 1 then return job end
  names = names or tonumber(redis.call('HGET', KEYS[1], 'jobs') or 0)
  if names >= tonumber(ARGV[2]) then return '(other)' end
  names = names + 1
  redis.call('HSET', KEYS[1], 'job/' .. job, 1, 'jobs', names)
  return job
end
for i = 3, #ARGV, 3 do
  redis.call('HINCRBY', KEYS[1], ARGV[i] .. '/' .. named(ARGV[i + 1]), ARGV[i + 2])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])

-- renew_leases: keep the leases of a worker's processes, which live, on the steps of one task.
-- KEYS[1] the task's leases (hash)
-- ARGV[1] the worker   ARGV[2] the lease in ms   ARGV[3] '1' when the worker ends
-- ARGV[4..] four for each message: its id, its process, the step it is at or '-', for how many ms
-- returns {now in us, then for each message the ms at which its lease expires, 0 when it has none}
-- Why a script: a lease given up at this moment must not come back, and only the server's clock counts.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = {time[1] .. string.format('%06d', time[2])}
for i = 4, #ARGV, 4 do
  local lease, expires = redis.call('HGET', KEYS[1], ARGV[i]), 0
  if lease then
    local state, worker, process, counted, ranges = string.match(lease, '^%d+ (%a+) (%S+) (%d+) %S+ %S+ (%S+) (%S+)$')
    if worker == ARGV[1] and process == ARGV[i + 1] and state ~= 'died' then
      expires = now + ARGV[2]
      if ARGV[3] == '1' and state == 'running' then state = 'stopping' end
      redis.call('HSET', KEYS[1], ARGV[i], string.format('%.0f %s %s %s %s %.0f %s %s', expires, state, worker, process,
        ARGV[i + 2], now - ARGV[i + 3], counted, ranges))
    end
  end
  answer[#answer + 1] = expires
end
return answer

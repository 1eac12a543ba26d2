-- take_lease: let one process hold the steps of a message that no living process holds, and read the task.
-- KEYS[1] the task's record (hash)   KEYS[2] its leases (hash)   KEYS[3] its bitmap
-- ARGV[1] the record's nonce   ARGV[2] the message's id   ARGV[3] the worker   ARGV[4] the process
-- ARGV[5] the lease in ms   ARGV[6..] the message's ranges as pairs: first step, step after the last
-- returns false for a task that is gone or paused (resume sends its steps), else {now in us, '1' when the process that had this message died,
--               the record's fields and values, the ranges taken as pairs}
-- Why a script: of two processes that are given one step at once only one may begin it.
-- Of a message that another living process has nothing is taken: the lease is of the message, and its own would go.
-- A lease is a text, since many are read for each message:
--               expires in ms, state, worker, process, step, since in ms, counted, ranges as a-b,c-d
--               While its state is handing, others may take its ranges but the step it is at.
local record = redis.call('HGETALL', KEYS[1])
local fields = {}
for i = 1, #record, 2 do fields[record[i]] = record[i + 1] end
if fields.nonce ~= ARGV[1] or fields.state ~= 'running' or fields.paused_at then return false end
if redis.call('EXISTS', KEYS[3]) == 0 then return false end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local mine, died, lowest, highest = {}, '0', math.huge, 0
for i = 6, #ARGV, 2 do
  local start, stop = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  mine[#mine + 1] = {start, stop}
  lowest, highest = math.min(lowest, start), math.max(highest, stop)
end

local others = {} -- what others hold between the lowest and the highest
local leases = redis.call('HGETALL', KEYS[2])
for i = 1, #leases, 2 do
  local expires, state, worker, process, at, held =
    string.match(leases[i + 1], '^(%d+) (%a+) (%S+) (%d+) (%S+) %S+ %S+ (%S+)$')
  if state == 'handing' then held = at == '-' and '' or string.format('%d-%d', at, at + 1) end
  local same_message = leases[i] == ARGV[2]
  if same_message and state == 'died' then died = '1' end
  local own = same_message and worker == ARGV[3] and process == ARGV[4]
  -- One that runs for long was taken before the server's clock was set back: a process that lives renews its own.
  local runs = tonumber(expires) > now and tonumber(expires) < now + 600000
  if state ~= 'died' and runs and not own then
    if same_message then mine = {} end
    for first, last in string.gmatch(held, '(%d+)-(%d+)') do
      first, last = tonumber(first), tonumber(last)
      if first < highest and last > lowest then others[#others + 1] = {first, last} end
    end
  end
end

if #others > 0 then -- one sweep over both: a large task has thousands of ranges on either side
  table.sort(others, function(a, b) return a[1] < b[1] end)
  local apart = {}
  for _, range in ipairs(others) do
    local before = apart[#apart]
    if before and range[1] <= before[2] then
      before[2] = math.max(before[2], range[2])
    else
      apart[#apart + 1] = range
    end
  end
  local rest = {}
  for _, range in ipairs(mine) do
    local start, stop, low, high = range[1], range[2], 1, #apart + 1
    while low < high do -- the first that ends after the start
      local middle = math.floor((low + high) / 2)
      if apart[middle][2] > start then high = middle else low = middle + 1 end
    end
    while low <= #apart and apart[low][1] < stop do
      if start < apart[low][1] then rest[#rest + 1] = {start, apart[low][1]} end
      start, low = apart[low][2], low + 1
    end
    if start < stop then rest[#rest + 1] = {start, stop} end
  end
  mine = rest
end

local taken, texts = {}, {}
for i, range in ipairs(mine) do
  taken[2 * i - 1], taken[2 * i] = range[1], range[2]
  texts[i] = string.format('%.0f-%.0f', range[1], range[2])
end
if #mine > 0 then
  local lease = string.format('%.0f running %s %s - %.0f 0 %s', now + ARGV[5], ARGV[3], ARGV[4], now, table.concat(texts, ','))
  redis.call('HSET', KEYS[2], ARGV[2], lease)
  if #leases == 0 then redis.call('PEXPIRE', KEYS[2], fields.ttl) end
end
return {time[1] .. string.format('%06d', time[2]), died, record, taken}

-- fail_step: record that a step failed; after its last attempt it has given up, and the task may have ended.
-- KEYS[1] the task's bitmap   KEYS[2] the task's record (hash)   KEYS[3] the bitmap of steps that gave up
-- KEYS[4] the attempts, four bits a step   KEYS[5] the errors (hash)
-- KEYS[6] the group of each step's error, four bits a step   KEYS[7] the groups (hash)   KEYS[8] scratch
-- KEYS[9] optional: where to keep the answer
-- ARGV[1] now in ms   ARGV[2] the caller's token   ARGV[3] the record's nonce, '' for any
-- ARGV[4] the step   ARGV[5] attempts it has, 0 to give up at once   ARGV[6] '1' to count this one as an attempt
-- ARGV[7] the error as JSON   ARGV[8] how many errors are kept
-- ARGV[9] the pause before its second attempt in ms, doubled before each further one   ARGV[10] the longest
-- ARGV[11] attempts that were counted before this one, '' when the caller does not know: the same call after a lost
--               answer counts none
-- ARGV[12] the text of the error's group   ARGV[13] the traceback, '' for none
-- returns {status, attempts, gave up, completed, left, count, failed, state, pause}; status as mark_steps has it, and
--               gave up 2 for the first step of this run that did
-- Why a script: the bit, the counters and the end that it may lead to change together, as for a step that is done.
local bitmap, record, step = KEYS[1], KEYS[2], tonumber(ARGV[4])
local r = redis.call('HMGET', record, 'count', 'left', 'failed', 'state', 'nonce', 'claim', 'ttl', 'fail_fast')
local count, left, failed, state = tonumber(r[1]), tonumber(r[2]), tonumber(r[3]), r[4]
if KEYS[9] then
  local kept = cjson.decode(redis.call('GET', KEYS[9]) or '[]')
  local token, nonce = table.remove(kept), table.remove(kept)
  -- An answer kept for an earlier task under this id says nothing about this one.
  if nonce and (nonce == r[5] or not r[5]) then return token == ARGV[2] and kept or {'reused'} end
end

local function keep(answer)
  if KEYS[9] then
    local kept = {unpack(answer)}
    kept[#kept + 1], kept[#kept + 2] = r[5], ARGV[2]
    redis.call('SET', KEYS[9], cjson.encode(kept), 'EX', 3600)
  end
  return answer
end

if not count or (ARGV[3] ~= '' and ARGV[3] ~= r[5]) then return {'unknown'} end
if state ~= 'done' and redis.call('GETBIT', bitmap, count) == 0 then return {'unknown'} end
if step < 0 or step >= count then return {'range', ARGV[4], 0, 0, left, count, failed, state, 0} end
if state ~= 'running' or redis.call('GETBIT', bitmap, step) == 1 or redis.call('GETBIT', KEYS[3], step) == 1 then
  return keep({'ok', 0, 0, state ~= 'running' and r[6] == ARGV[2] and 1 or 0, left, count, failed, state, 0})
end

local tried = redis.call('BITFIELD', KEYS[4], 'GET', 'u4', '#' .. ARGV[4])[1]
local repeated = ARGV[11] ~= '' and tried > tonumber(ARGV[11])
if not repeated then
  tried = redis.call('BITFIELD', KEYS[4], 'OVERFLOW', 'SAT', 'INCRBY', 'u4', '#' .. ARGV[4], ARGV[6])[1]
end
local gave_up, completed, ttl = 0, 0, r[7]
local pause = math.floor(math.min(ARGV[9] * 2 ^ (tried - 1), tonumber(ARGV[10])))
redis.call('HSET', record, 'last_progress_at', ARGV[1])
-- Given up though its attempts were counted beforehand: no process of theirs lived to report them.
local made = ARGV[5] == '0' and ARGV[6] == '0' and tried or 1
if not repeated then redis.call('HINCRBY', record, 'failed_attempts', made) end
if redis.call('HEXISTS', KEYS[5], ARGV[4]) == 1 or redis.call('HLEN', KEYS[5]) < tonumber(ARGV[8]) then
  redis.call('HSET', KEYS[5], ARGV[4], ARGV[7])
end
if not repeated then
  local groups, group = KEYS[7], redis.call('HGET', KEYS[7], '=' .. ARGV[12])
  if not group then
    -- Four bits have room for so many, and for those beyond: a task that fails in more ways has no few causes.
    group = math.min(redis.call('HINCRBY', groups, 'n', 1), 15)
    if group < 15 then redis.call('HSET', groups, '=' .. ARGV[12], group) end
    redis.call('HSETNX', groups, group .. ':first', ARGV[1])
  end
  redis.call('HSET', groups, group .. ':last', ARGV[1])
  redis.call('HINCRBY', groups, group .. ':attempts', made)
  if ARGV[13] ~= '' then
    redis.call('HSET', groups, group .. ':step', ARGV[4], group .. ':error', ARGV[7], group .. ':traceback', ARGV[13])
  end
  redis.call('BITFIELD', KEYS[6], 'SET', 'u4', '#' .. ARGV[4], group)
end
if tried >= tonumber(ARGV[5]) then
  gave_up, left, failed = 1 + redis.call('HSETNX', record, 'first_failure_at', ARGV[1]), left - 1, failed + 1
  redis.call('SETBIT', KEYS[3], ARGV[4], 1)
  redis.call('HSET', record, 'left', left, 'failed', failed)
  if left <= 0 then
    -- A step that gave up may have been done elsewhere: it is done, and counted once.
    redis.call('BITOP', 'AND', KEYS[8], bitmap, KEYS[3])
    redis.call('BITOP', 'XOR', KEYS[3], KEYS[3], KEYS[8])
    redis.call('UNLINK', KEYS[8])
    failed = redis.call('BITCOUNT', KEYS[3])
    left = count - redis.call('BITCOUNT', bitmap, 0, count - 1, 'BIT') - failed
    redis.call('HSET', record, 'left', left, 'failed', failed)
  end
  -- At once if the first step that gives up cancels the others.
  if r[8] or (left == 0 and redis.call('HEXISTS', record, 'open') == 0) then
    state, completed = 'failed', 1
    redis.call('HSET', record, 'state', state, 'ended_at', ARGV[1], 'claim', ARGV[2])
    redis.call('PEXPIRE', bitmap, ttl)
    redis.call('PEXPIRE', record, ttl)
  end
end
if gave_up == 0 then redis.call('HSET', record, 'quiet_until', ARGV[1] + pause) end
for i = 3, 7 do redis.call('PEXPIRE', KEYS[i], ttl) end
return keep({'ok', tried, gave_up, completed, left, count, failed, state, pause})

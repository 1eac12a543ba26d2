-- combine: compute with the bitmaps of one segment, and answer with what comes out.
-- KEYS[1..n] the sources   KEYS[n+1..] where results between are laid, by their place on the stack; MINUS
--            needs the place above its result too. Gone before the script ends, unless kept
-- ARGV[1] 'count', 'count:<first bit>:<last bit>', 'bytes', 'kept': laid in KEYS[n+1] for a script to come,
--         or 'staged': laid in the last of KEYS, to become a flag's
-- ARGV[2] n   ARGV[3..] the program in postfix: the place of a source, or an operation and how many operands
--         it takes: AND:3, OR:2, XOR:2, MINUS:2
-- returns how many bits are set in the result, staged or not, or its bytes; 0 for one that is kept
-- Why a script: between the operations nobody else may see, or lose, what lies in between; and a question
--               is one round trip.
-- Scratch that does not outlive the script is not written to the append-only file or sent to replicas. What
-- is kept or staged is, since a later script needs it. (fakeredis knows of neither.)
-- changes nothing
-- reads bitmaps
if redis.set_repl and ARGV[1] ~= 'kept' and ARGV[1] ~= 'staged' then redis.set_repl(redis.REPL_NONE) end
local n, stack = tonumber(ARGV[2]), {}

-- Above 16 sources older servers leave their fast path: ten times slower for one source more.
local function fold(operation, result, operands, begun)
  local first = 1
  while first <= #operands do
    local last = math.min(first + (begun and 14 or 15), #operands)
    local part = {unpack(operands, first, last)}
    if begun then part[#part + 1] = result end
    redis.call('BITOP', operation, result, unpack(part))
    first, begun = last + 1, true
  end
end

-- By length, ascending; nil where one source is the result itself, which must be read before it is written.
local function by_length(result, operands)
  local groups, lengths = {}, {}
  for _, key in ipairs(operands) do
    if key == result then return nil end
    local length = redis.call('STRLEN', key)
    if not groups[length] then groups[length], lengths[#lengths + 1] = {}, length end
    table.insert(groups[length], key)
  end
  table.sort(lengths)
  return lengths, groups
end

local function short(key) return redis.call('STRLEN', key) < 1024 end

-- What lies beyond the end of the shortest source is taken byte by byte: ten times slower. So the shortest
-- are taken first, and the result is made as long as the next ones before these are. Not where the first and
-- the last are below 1 kB: to ask for all lengths would cost more than it saves.
local function union(result, operands)
  local lengths, groups
  if not (short(operands[1]) and short(operands[#operands])) then
    lengths, groups = by_length(result, operands)
  end
  if not lengths or #lengths == 1 then return fold('OR', result, operands) end
  local begun = false
  for _, length in ipairs(lengths) do
    if length > 0 then
      if begun then redis.call('SETBIT', result, length * 8 - 1, 0) end
      fold('OR', result, groups[length], begun)
      begun = true
    end
  end
end

for i = 3, #ARGV do
  local operation, taken = string.match(ARGV[i], '(%a+):(%d+)')
  if not operation then
    stack[#stack + 1] = KEYS[tonumber(ARGV[i])]
  else
    local base = #stack - taken
    local operands, result, shared = {unpack(stack, base + 1)}, KEYS[n + base + 1], KEYS[n + base + 2]
    if operation == 'MINUS' then
      -- A xor (A and B): right for any lengths, which A and (not B) is not where B is the shorter.
      redis.call('BITOP', 'AND', shared, operands[1], operands[2])
      redis.call('BITOP', 'XOR', result, operands[1], shared)
    elseif operation == 'OR' then
      union(result, operands)
    else
      fold(operation, result, operands)
    end
    for level = #stack, base + 1, -1 do stack[level] = nil end
    stack[base + 1] = result
  end
end
-- The caller unlinks what it has kept; if it is lost before, the server does.
if ARGV[1] == 'kept' then redis.call('EXPIRE', stack[1], 60) return 0 end
if ARGV[1] == 'staged' then
  local staged = KEYS[#KEYS]
  redis.call('BITOP', 'OR', staged, stack[1])
  redis.call('EXPIRE', staged, 600)
  if #KEYS > n + 1 then redis.call('UNLINK', unpack(KEYS, n + 1, #KEYS - 1)) end
  return redis.call('BITCOUNT', staged)
end
local first, last, answer = string.match(ARGV[1], 'count:(%d+):(%d+)')
if first then
  answer = redis.call('BITCOUNT', stack[1], first, last, 'BIT')
else
  answer = redis.call(ARGV[1] == 'count' and 'BITCOUNT' or 'GET', stack[1])
end
if #KEYS > n then redis.call('UNLINK', unpack(KEYS, n + 1)) end
return answer or ''

-- number_users: the dense number of each id, the next free ones for those not seen before.
-- KEYS[1] id -> number (hash; 4 bytes, little-endian)   KEYS[2] the next free number
-- KEYS[3..] the buckets of number -> id (lists; each id at its number's place), one after the other
-- ARGV[1] the number of the first bucket   ARGV[2] how many ids a bucket has
-- ARGV[3..] the ids, each once, 3000 at most (the bound of unpack, which takes two a new one)
-- returns {the next free number, then the numbers in the order of the ids, 4 bytes each}; {the next free number,
--         1} when all ids are new, and have the numbers up to it in their order; without numbers when those that
--         are free now do not lie in the buckets given: nothing was done
-- Why a script: two first visits of one user must not get two numbers, and no number may be without its id.
local call, char, floor, size = redis.call, string.char, math.floor, tonumber(ARGV[2])
local numbers = call('HMGET', KEYS[1], unpack(ARGV, 3))
local first = tonumber(call('GET', KEYS[2]) or 0)

local new, count = {}, 0
for i = 1, #numbers do
  if not numbers[i] then
    count = count + 1
    new[count] = ARGV[i + 2]
  end
end

local free = first
if count > 0 then
  local bucket = floor(first / size) - ARGV[1] + 3
  if bucket < 3 or floor((first + count - 1) / size) - ARGV[1] + 3 > #KEYS then
    return {string.format('%.0f', first)}
  end
  -- Of 256 numbers in a row only the first byte differs.
  local fields, low, high = {}, {}, nil
  for i = 1, count do
    local byte = free % 256
    if not high or byte == 0 then
      high = char(floor(free / 256) % 256, floor(free / 65536) % 256, floor(free / 16777216))
    end
    if not low[byte] then low[byte] = char(byte) end
    fields[2 * i - 1], fields[2 * i] = new[i], low[byte] .. high
    free = free + 1
  end
  call('INCRBY', KEYS[2], count)
  call('HSET', KEYS[1], unpack(fields))
  local from = 1
  while from <= count do
    local last = math.min(from + size - 1 - (first + from - 1) % size, count)
    call('RPUSH', KEYS[bucket], unpack(new, from, last))
    from, bucket = last + 1, bucket + 1
  end
  if count == #numbers then return {string.format('%.0f', free), 1} end
  local given = 0
  for i = 1, #numbers do
    if not numbers[i] then
      given = given + 1
      numbers[i] = fields[2 * given]
    end
  end
end
table.insert(numbers, 1, string.format('%.0f', free))
return numbers

-- number_users: the dense number of each id, the next free ones for those not seen before.
-- KEYS[1] id -> number (hash; 4 bytes, little-endian)   KEYS[2] how many numbers the shard has given
-- KEYS[3..] the shard's buckets of number -> id (lists; each id at its number's place), one after the other
-- ARGV[1] the how many-th of the shard's buckets the first is, from 0   ARGV[2] how many ids a bucket has
-- ARGV[3] how many shards the directory has, which have the buckets in turns   ARGV[4] which of them it is, from 0
-- ARGV[5..] the ids, each once, 3000 at most (the bound of unpack, which takes two a new one)
-- returns {how many numbers the shard has given now, then those of the ids in their order, 4 bytes each}; {how
--         many, 1} when all ids are new, and have the last ones in their order; without numbers when those that
--         are free now do not lie in the buckets given: nothing was done
-- Why a script: two first visits of one user must not get two numbers, and no number may be without its id.
local call, char, floor, size = redis.call, string.char, math.floor, tonumber(ARGV[2])
local numbers = call('HMGET', KEYS[1], unpack(ARGV, 5))
local first = tonumber(call('GET', KEYS[2]) or 0)

local new, count = {}, 0
for i = 1, #numbers do
  if not numbers[i] then
    count = count + 1
    new[count] = ARGV[i + 4]
  end
end

local free = first
if count > 0 then
  local bucket = floor(first / size) - ARGV[1] + 3
  if bucket < 3 or floor((first + count - 1) / size) - ARGV[1] + 3 > #KEYS then
    return {string.format('%.0f', first)}
  end
  call('INCRBY', KEYS[2], count)
  local fields, low, from = {}, {}, 1
  while from <= count do
    local place = free % size
    local last = math.min(from + size - 1 - place, count)
    local number = (floor(free / size) * ARGV[3] + ARGV[4]) * size + place
    -- Of the numbers of a bucket only the first byte differs.
    local high = char(floor(number / 256) % 256, floor(number / 65536) % 256, floor(number / 16777216))
    local byte = number % 256
    for i = from, last do
      if not low[byte] then low[byte] = char(byte) end
      fields[2 * i - 1], fields[2 * i] = new[i], low[byte] .. high
      byte = byte + 1
    end
    call('RPUSH', KEYS[bucket], unpack(new, from, last))
    free, from, bucket = free + last - from + 1, last + 1, bucket + 1
  end
  call('HSET', KEYS[1], unpack(fields))
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

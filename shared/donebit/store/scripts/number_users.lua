-- number_users: the dense number of each id, the next free ones for those not seen before.
-- KEYS[1] id -> number (hash; 4 bytes, little-endian)   KEYS[2] the next free number
-- KEYS[3..] the buckets of number -> id (lists; each id at its number's place), one after the other
-- ARGV[1] the number of the first bucket   ARGV[2] how many ids a bucket has
-- ARGV[3..] the ids, each once, 3000 at most (the bound of unpack, which takes two a new one)
-- returns {the next free number, then the numbers in the order of the ids, 4 bytes each}; without numbers when
--         those that are free now do not lie in the buckets given: nothing was done
-- Why a script: two first visits of one user must not get two numbers, and no number may be without its id.
local char, floor, size = string.char, math.floor, tonumber(ARGV[2])
local numbers = redis.call('HMGET', KEYS[1], unpack(ARGV, 3))
local first = tonumber(redis.call('GET', KEYS[2]) or 0)
local free, fields, bucket, buckets = first, {}, nil, {}

for i = 3, #ARGV do
  local number = numbers[i - 2]
  if not number then
    if not bucket or free % size == 0 then
      local place = floor(free / size) - ARGV[1] + 3
      if place < 3 or place > #KEYS then return {string.format('%.0f', first)} end
      bucket = {KEYS[place]}
      buckets[#buckets + 1] = bucket
    end
    number = char(free % 256, floor(free / 256) % 256, floor(free / 65536) % 256, floor(free / 16777216))
    fields[#fields + 1], fields[#fields + 2] = ARGV[i], number
    bucket[#bucket + 1] = ARGV[i]
    free = free + 1
    numbers[i - 2] = number
  end
end

if free > first then
  redis.call('INCRBY', KEYS[2], free - first)
  redis.call('HSET', KEYS[1], unpack(fields))
  for _, filled in ipairs(buckets) do redis.call('RPUSH', unpack(filled)) end
end
table.insert(numbers, 1, string.format('%.0f', free))
return numbers

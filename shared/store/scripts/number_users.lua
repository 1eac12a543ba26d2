-- number_users: the dense number of each text id, the next free one for a text not seen before.
-- KEYS[1] text -> number (hash)   KEYS[2] number -> text (hash)   KEYS[3] the next free number
-- ARGV    the texts, 5000 at most (the bound of unpack)
-- returns the numbers, in the order of the texts
-- Why a script: two first visits of one user must not get two numbers.
local numbers = redis.call('HMGET', KEYS[1], unpack(ARGV))
for i, text in ipairs(ARGV) do
  local number = numbers[i]
  if not number then
    number = redis.call('HGET', KEYS[1], text) -- the same text may stand twice in one batch
    if not number then
      number = redis.call('INCR', KEYS[3]) - 1
      redis.call('HSET', KEYS[1], text, number)
      redis.call('HSET', KEYS[2], number, text)
    end
  end
  numbers[i] = tonumber(number)
end
return numbers

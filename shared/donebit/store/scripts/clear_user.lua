-- clear_user: clear one user's bit in many bitmaps of a segment.
-- KEYS[1..n] the bitmaps   KEYS[n+1..] how many users those of all time hold, and windows of days
-- ARGV[1] the bit   ARGV[2] n
-- returns the places in KEYS of those where it was set
-- Why a script: all periods of an event change at once, so that a visit beside it is in all of its periods
--               or in none; and SETBIT of 0 would make what is not there, or longer.
-- Nothing, as no time to live is shorter: a full server lets what follows such a command through.
redis.call('PEXPIREAT', KEYS[1], 1, 'GT')
local cleared = {}
local bitmaps = tonumber(ARGV[2])
for place = 1, bitmaps do
  if redis.call('GETBIT', KEYS[place], ARGV[1]) == 1 then
    redis.call('SETBIT', KEYS[place], ARGV[1], 0)
    cleared[#cleared + 1] = place
  end
end
-- They are counted again when they are needed: which of the bitmaps each is of is not known here.
if #cleared > 0 and #KEYS > bitmaps then redis.call('UNLINK', unpack(KEYS, bitmaps + 1)) end
return cleared

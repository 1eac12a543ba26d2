-- clear_user: clear one user's bit in many bitmaps of a segment.
-- KEYS[1..] the bitmaps
-- ARGV[1] the bit
-- returns the places in KEYS of those where it was set
-- Why a script: all periods of an event change at once, so that a visit beside it is in all of its periods
--               or in none; and SETBIT of 0 would make what is not there, or longer.
local cleared = {}
for place = 1, #KEYS do
  if redis.call('GETBIT', KEYS[place], ARGV[1]) == 1 then
    redis.call('SETBIT', KEYS[place], ARGV[1], 0)
    cleared[#cleared + 1] = place
  end
end
return cleared

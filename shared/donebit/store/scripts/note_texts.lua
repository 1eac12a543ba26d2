-- note_texts: note which text ids a token has brought.
-- KEYS[1] those that it has brought, a bit at the number of each
-- ARGV[1..] the numbers
-- returns how many were not noted before
-- Why a script: some thousand bits are set in a few commands.
local new = 0
for i = 1, #ARGV do new = new + 1 - redis.call('SETBIT', KEYS[1], ARGV[i], 1) end
return new

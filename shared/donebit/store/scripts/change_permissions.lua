-- change_permissions: set some of an object's bits and clear others.
-- KEYS[1] the object's bitmap
-- ARGV[1] how many bits to set follow   ARGV[2..] those; then the bits to clear
-- returns {how many changed, the bitmap as it is now}
-- Why a script: several permissions change at once, or none; and an object that has none has no bitmap,
--               which SETBIT of 0 would make.
local key, changed = KEYS[1], 0
for i = 2, #ARGV do
  local value = i - 1 <= tonumber(ARGV[1]) and 1 or 0
  if redis.call('GETBIT', key, ARGV[i]) ~= value then
    redis.call('SETBIT', key, ARGV[i], value)
    changed = changed + 1
  end
end
if redis.call('BITCOUNT', key) == 0 then redis.call('UNLINK', key) end
return {changed, redis.call('GET', key) or ''}

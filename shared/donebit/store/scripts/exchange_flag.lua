-- exchange_flag: lead readers of a flag to another generation, if the present one is as it was read.
-- KEYS[1] what is known about the flag (hash)   KEYS[2] the present registry   KEYS[3] the new one
-- ARGV[1] the present generation   ARGV[2] its registry as it was read, '' for none
-- ARGV[3] how often somebody was erased   ARGV[4] how often it was marked, or '-' where that is no matter
-- ARGV[5] the new generation   ARGV[6] its registry, '' for none   ARGV[7] the kind of users
-- ARGV[8] how long readers of the present one may take (s)   ARGV[9] the present time (ms)
-- returns 1, or 0 when the flag is not as it was read, or the new generation was given up: nothing is changed
-- Why a script: a reader finds all of the old users or all of the new ones, whatever is lost, and a mark or an
--               erasure meanwhile is not overwritten.
local about = KEYS[1]
local known = redis.call('HMGET', about, 'kind', 'generation', 'erasures', 'changes')
if known[1] and known[1] ~= ARGV[7] then return 0 end
if (known[2] or '') ~= ARGV[1] or (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then return 0 end
if (known[3] or '0') ~= ARGV[3] then return 0 end
if ARGV[4] ~= '-' and (known[4] or '0') ~= ARGV[4] then return 0 end
if redis.call('HEXISTS', about, 'new:' .. ARGV[5]) == 0 then return 0 end

if ARGV[6] ~= '' then redis.call('SET', KEYS[3], ARGV[6]) end
redis.call('HSET', about, 'kind', ARGV[7], 'generation', ARGV[5])
redis.call('HDEL', about, 'new:' .. ARGV[5])
if ARGV[2] ~= '' then
  redis.call('HSET', about, 'old:' .. ARGV[1], ARGV[9] .. ' ' .. ARGV[2])
  redis.call('EXPIRE', KEYS[2], ARGV[8])
end
return 1

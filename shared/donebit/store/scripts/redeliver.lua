-- redeliver: have a delivery made again if it is still as it was read.
-- KEYS[1] the task's deliveries (hash)   KEYS[2..] the task's other keys
-- ARGV[1] the delivery's name   ARGV[2] as it was read, JSON   ARGV[3] as it is to stand, JSON
-- ARGV[4] ms that all of them are to live at least
-- returns 1 when it is written, 0 when it has changed since or is gone
-- Why a script: an attempt may end at the same moment, and what it wrote must not be lost; and a task that
--               expires in between would leave its deliveries behind.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], ARGV[4], 'GT') end
return 1

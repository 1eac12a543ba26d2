-- note_delivery: write down what became of an attempt.
-- KEYS[1] the task's deliveries (hash)
-- ARGV[1] the delivery's name   ARGV[2] as it now stands, JSON   ARGV[3] the nonce of the task it is of
-- ARGV[4] ms that they are to live at least
-- returns 1 when it is written, 0 when it has gone with its task, is delivered, or was asked for again meanwhile
-- Why a script: HSET on a key that has gone would make a new one, without a TTL; and a task made again under
--               the id while the attempt was under way has a delivery of its own under that name; and one
--               who was too slow must not undo what another, who took it when the lease was over, achieved,
--               nor a wish to have it delivered again that came while it was being tried.
local kept = redis.call('HGET', KEYS[1], ARGV[1])
kept = kept and cjson.decode(kept)
if not kept or kept.nonce ~= ARGV[3] or kept.outcome == 'delivered' then return 0 end
if kept.owed_at_ms ~= cjson.decode(ARGV[2]).owed_at_ms then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
-- Those that an older version has kept have the TTL of a day of attempts.
redis.call('PEXPIRE', KEYS[1], ARGV[4], 'GT')
return 1

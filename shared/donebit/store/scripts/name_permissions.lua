-- name_permissions: say what the bits of a kind of objects permit; names are only ever added.
-- KEYS[1] the names (list)
-- ARGV    all of the names, those it has first
-- returns 'ok', or 'others' where what it has is not what the names begin with
-- Why a script: two who add a name at once would give it two bits, or one bit two meanings.
for place, name in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  if ARGV[place] ~= name then return 'others' end
end
for place = redis.call('LLEN', KEYS[1]) + 1, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[place]) end
return 'ok'

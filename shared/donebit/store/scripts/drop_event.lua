-- drop_event: drop what is known about an event, and the registries of its periods.
-- KEYS[1] what is known about the event (hash)   KEYS[2] its periods (sorted set)
-- KEYS[3..] the registry of each period
-- ARGV[1..] the periods' names, in the same order
-- returns {1, what each registry held}; {0}, and nothing dropped, when the event has another period too
-- Why a script: a visit may have entered a segment since the registries were last read, and without them its
--               bits would stay, to be counted again one day.
local named = {}
for _, name in ipairs(ARGV) do named[name] = true end
for _, name in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  if not named[name] then return {0} end
end

local answer = {1}
for k = 3, #KEYS do answer[k - 1] = redis.call('GET', KEYS[k]) or '' end
for k = 1, #KEYS do redis.call('UNLINK', KEYS[k]) end
return answer

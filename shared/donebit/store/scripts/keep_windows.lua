-- keep_windows: keep what the windows of a segment's days were counted to be, unless bits were cleared meanwhile.
-- KEYS[1] what is kept of the segment
-- ARGV[1] the generation of what was kept before they were counted   ARGV[2] the windows, as a JSON object
-- ARGV[3] for how long (s); or ARGV[1] '' and ARGV[2] what is kept where there is nothing yet
-- returns 1 when something was written, 0 otherwise
-- Why a script: a script that clears bits drops what is kept, and with it its generation; what was counted
--               before must not come back.
-- changes nothing
if ARGV[1] == '' then
  return redis.call('SET', KEYS[1], ARGV[2], 'NX', 'EX', ARGV[3]) and 1 or 0
end
local kept = redis.call('GET', KEYS[1])
local stored = kept and cjson.decode(kept)
if not stored or stored[1] ~= ARGV[1] then return 0 end
local windows = cjson.decode(ARGV[2])
for name, one in pairs(stored[2]) do
  if #one == 3 then windows[name] = one end -- of a pair of bitmaps
end
redis.call('SET', KEYS[1], cjson.encode({ARGV[1], windows}), 'EX', ARGV[3])
return 1

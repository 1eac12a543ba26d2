-- leave_segments: take segments out of a flag's registry.
-- KEYS[1] the registry (bitmap over segments)
-- ARGV    the segments
-- returns how many were in it
-- Why a script: SETBIT would make a registry where the flag was dropped meanwhile, one that names nothing
--               and stays for ever.
local left = 0
for _, segment in ipairs(ARGV) do
  if redis.call('GETBIT', KEYS[1], segment) == 1 then
    left = left + redis.call('SETBIT', KEYS[1], segment, 0)
  end
end
return left

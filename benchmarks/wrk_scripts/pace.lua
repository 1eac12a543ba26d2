-- A fixed rate: each request has its time, and one that is late waits for nothing.
local ffi = require("ffi")
ffi.cdef("typedef struct { long s; long ns; } moment; int clock_gettime(int clock, moment *found);")
local found = ffi.new("moment")
local MONOTONIC = 1
local apart, due = 0, nil

local function now_ms()
  ffi.C.clock_gettime(MONOTONIC, found)
  return tonumber(found.s) * 1000 + tonumber(found.ns) / 1e6
end

function pace(rate)
  if rate <= 0 then return end
  apart = 1000 / rate
  function delay()
    local now = now_ms()
    due = math.max((due or now) + apart, now - 1000)
    return math.max(0, math.floor(due - now + math.random()))
  end
end

-- One bare SETBIT by webdis. Arguments: rate, number of bits.
function init(args)
  bits = tonumber(args[2])
  math.randomseed(os.time())
end

function request()
  return wrk.format("GET", "/SETBIT/bare/" .. math.random(0, bits - 1) .. "/1")
end

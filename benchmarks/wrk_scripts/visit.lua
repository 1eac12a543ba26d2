-- POST /distinct: users at random. Arguments: rate, number of users.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "pace.lua")

function init(args)
  pace(tonumber(args[1]))
  users = tonumber(args[2])
  math.randomseed(os.time())
end

function request()
  return wrk.format("POST", "/distinct?userId=" .. math.random(0, users - 1))
end

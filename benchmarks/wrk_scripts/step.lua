-- PUT /tasks/{id}/steps/{n}: the steps of one task, in an order that is not theirs. Arguments: rate, task, count.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "pace.lua")

function init(args)
  pace(tonumber(args[1]))
  task, count = args[2], tonumber(args[3])
  math.randomseed(os.time())
  step = math.random(0, count - 1)
end

function request()
  step = (step + 7919) % count
  return wrk.format("PUT", "/tasks/" .. task .. "/steps/" .. step)
end

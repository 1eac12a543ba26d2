// Keeps the workers' page live: the server draws how the workers are, and each new line of their log.
import { lay } from "./fragments.js";
import { ROOT } from "./root.js";
import { follow } from "./stream.js";
import { add, begin, onFilter } from "./workers_log.js";

const now = document.querySelector("#now");

function draw(message) {
  if (message.fragment === "workers") lay(now, message.html);
  else add(message);
}

onFilter((task) => follow(`${ROOT}/events/workers${task ? `?about=${encodeURIComponent(task)}` : ""}`, draw));
begin();

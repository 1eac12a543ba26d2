// Keeps the workers' page live: the server draws how the workers and the nodes of the store are, and each new line of the log.
import { lay } from "./fragments.js";
import { ROOT } from "./root.js";
import { follow } from "./stream.js";
import { add, begin, onFilter } from "./workers_log.js";

const now = document.querySelector("#now");
const nodes = document.querySelector("#nodes");

function draw(message) {
  if (message.fragment === "workers") lay(now, message.html);
  else if (message.fragment === "nodes") {
    lay(nodes, message.html);
    nodes.hidden = false;
  }
  else add(message);
}

onFilter((about) => follow(`${ROOT}/events/workers${about ? `?about=${encodeURIComponent(about)}` : ""}`, draw));
begin();

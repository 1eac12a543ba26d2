// Keeps the page of the last day or month live: the server draws its bars.
import { lay } from "./fragments.js";
import { ROOT } from "./root.js";
import { follow } from "./stream.js";

const place = document.getElementById("history");

follow(`${ROOT}/events/history/${place.dataset.range}`, (message) => lay(place, message.html));

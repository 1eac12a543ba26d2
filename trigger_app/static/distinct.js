// Keeps the figures of the users page live, and draws its charts once.
import { drawCurves } from "./distinct_curves.js";
import { drawStrips } from "./distinct_strips.js";
import "./forms.js";
import { lay } from "./fragments.js";
import { ROOT } from "./root.js";
import { follow } from "./stream.js";

const now = document.querySelector("#now");

// A page drawn while Redis was away has no charts: it is reloaded as soon as Redis is back.
const wasAway = !document.querySelector("#notice").hidden;

function draw(message) {
  if (wasAway) location.reload();
  lay(now, message.html);
}

follow(`${ROOT}/events/distinct/${encodeURIComponent(now.dataset.event)}`, draw);
drawCurves();
drawStrips();

// A mistake is selected where it is, ready to be corrected.
const field = document.querySelector("#ask [data-character]");
if (field) {
  const at = Number(field.dataset.character) - 1;
  field.focus({ preventScroll: true });
  field.setSelectionRange(at, at + 1);
}

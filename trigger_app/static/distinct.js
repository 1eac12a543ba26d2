// Keeps the figures of distinct users live, and draws what stands still.
import { drawCurves } from "./distinct_curves.js";
import { drawStrips } from "./distinct_strips.js";
import "./forms.js";
import { follow } from "./stream.js";

const numbers = new Intl.NumberFormat("en");
const FIGURES = { all: "distinct" }; // by the name that the server has; else its own

// A page drawn while Redis was away has no charts: it is reloaded as soon as Redis is back.
const wasAway = !document.querySelector("#notice").hidden;

function draw(figures) {
  if (wasAway) location.reload();
  for (const [name, value] of Object.entries(figures)) {
    const place = document.querySelector(`#${FIGURES[name] ?? name}`);
    const text = value === null ? "–" : numbers.format(value);
    if (place && place.textContent !== text) place.textContent = text;
  }
}

follow(`/events/distinct/${encodeURIComponent(document.querySelector("#now").dataset.event)}`, draw);
drawCurves();
drawStrips();

// A mistake is selected where it is, ready to be corrected.
const field = document.querySelector("#ask [data-character]");
if (field) {
  const at = Number(field.dataset.character) - 1;
  field.focus({ preventScroll: true });
  field.setSelectionRange(at, at + 1);
}

// Keeps the figures of distinct users live, and draws what stands still.
import { drawCurves } from "./distinct_curves.js";
import { drawStrips } from "./distinct_strips.js";
import "./forms.js";
import { follow } from "./stream.js";

const numbers = new Intl.NumberFormat("en");
const FIGURES = { all: "distinct" }; // by the name that the server has; else its own

// A page that was drawn while nothing could be read has no charts: it is drawn anew as soon as something can.
const wasAway = !document.querySelector("#notice").hidden;

function draw(told) {
  if (wasAway) location.reload();
  for (const [name, value] of Object.entries(told)) {
    const place = document.querySelector(`#${FIGURES[name] ?? name}`);
    const text = value === null ? "–" : numbers.format(value);
    if (place && place.textContent !== text) place.textContent = text;
  }
}

follow(`/events/distinct/${encodeURIComponent(document.querySelector("#now").dataset.event)}`, draw);
drawCurves();
drawStrips();

// What was refused is shown where it stands, ready to be mended.
const field = document.querySelector("#ask [data-character]");
if (field) {
  const at = Number(field.dataset.character) - 1;
  field.focus({ preventScroll: true });
  field.setSelectionRange(at, at + 1);
}

// Keeps the figures of distinct users live, and draws what stands still.
import { drawCurves } from "./distinct_curves.js";
import { drawStrips } from "./distinct_strips.js";
import "./forms.js";
import { follow } from "./stream.js";

const numbers = new Intl.NumberFormat("en");
const FIGURES = { all: "distinct" }; // by the name that the server has; else its own

function draw(told) {
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

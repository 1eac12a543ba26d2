// The tasks page: the form that starts a task, and the live lists.
import { send, showStarted } from "./forms.js";
import { lay } from "./fragments.js";
import { ROOT } from "./root.js";
import { follow } from "./stream.js";

const $ = (selector, within = document) => within.querySelector(selector);
const form = $("#start form");

form.elements.job.addEventListener("change", ({ target }) => {
  const drawn = $(`template[data-job="${CSS.escape(target.value)}"]`);
  $("#params").replaceChildren(...(drawn ? [drawn.content.cloneNode(true)] : []));
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  showStarted($("#start .said"), await send(form.action, { body: new URLSearchParams(new FormData(form)) }));
});

// A filtered list takes in new tasks that match; a page of older tasks stays as it is.
function drawEnded(html) {
  const place = $("#ended");
  const { older, state, label, job, prefix } = place.dataset;
  if (older !== undefined) return;
  if (!state && !label && !job && !prefix) {
    lay(place, html);
    return;
  }
  const drawn = document.createElement("template");
  drawn.innerHTML = html;
  const fits = ({ dataset: row }) =>
    (!state || row.state === state) && (!label || row.label === label) && (!job || row.job === job) &&
    row.id.startsWith(prefix);
  const fresh = [...drawn.content.querySelectorAll("li")].filter(fits);
  if (!fresh.length) return;
  const known = new Map([...place.querySelectorAll("li")].map((row) => [row.dataset.id, row]));
  for (const row of fresh) known.set(row.dataset.id, row);
  const rows = [...known.values()].toSorted((a, b) => Date.parse(b.dataset.created) - Date.parse(a.dataset.created));
  const list = document.createElement("ul");
  list.className = "tasks";
  list.append(...rows.map((row) => row.cloneNode(true)));
  lay(place, list.outerHTML);
}

const draw = { running: (html) => lay($("#running"), html), ended: drawEnded };

follow(`${ROOT}/events/done`, (message) => draw[message.fragment](message.html));

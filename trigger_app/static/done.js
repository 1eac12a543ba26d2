// The tasks page: the form that starts a task, and the live lists.
import { send, showStarted } from "./forms.js";
import { lay } from "./fragments.js";
import { ROOT } from "./root.js";
import { follow } from "./stream.js";

const $ = (selector, within = document) => within.querySelector(selector);
const form = $("#start form");

const params = $("#params");

/** Show the fields of the chosen job. */
function drawParams() {
  const job = form.elements.job.value;
  if (params.dataset.job === job) return;
  const drawn = $(`template[data-job="${CSS.escape(job)}"]`);
  params.replaceChildren(...(drawn ? [drawn.content.cloneNode(true)] : []));
  params.dataset.job = job;
}

form.elements.job.addEventListener("change", drawParams);
addEventListener("pageshow", drawParams); // of a page that is gone back to, the browser restores the choice alone

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  showStarted($("#start .said"), await send(form.action, { body: new URLSearchParams(new FormData(form)) }));
});

function drawRunning(html) {
  lay($("#running"), html);
  if ($("#ended").dataset.older !== undefined) return;
  for (const row of document.querySelectorAll("#running li")) $(`#ended [data-id="${row.dataset.id}"]`)?.remove();
}

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
  const newest = [...drawn.content.querySelectorAll("li")];
  drawFiltered(place, [...newest.filter(fits), ...earlier(place, newest)]);
}

/** The listed rows that the newest of all say nothing of; another one as new runs again, or is deleted. */
function earlier(place, newest) {
  if (newest.length < Number(place.dataset.most)) return []; // they are all there are
  const drawn = new Set(newest.map((row) => row.dataset.id));
  return [...place.querySelectorAll("li")].filter((row) => !drawn.has(row.dataset.id) && created(row) <= created(newest.at(-1)));
}

function drawFiltered(place, rows) {
  if (!rows.length) {
    lay(place, $("#none-match").innerHTML);
    return;
  }
  const list = document.createElement("ul");
  list.className = "tasks";
  list.append(...rows.map((row) => row.cloneNode(true)));
  lay(place, list.outerHTML);
}

const created = ({ dataset: row }) => Date.parse(row.created);

const draw = { running: drawRunning, ended: drawEnded };

follow(`${ROOT}/events/done`, (message) => draw[message.fragment](message.html));

// What the keyboard comes to would stay behind the bar of the selection: to the browser it is in sight.
$("#tasks").addEventListener("focusin", ({ target }) => {
  if (target.matches(":focus-visible")) target.scrollIntoView({ block: "nearest" });
});

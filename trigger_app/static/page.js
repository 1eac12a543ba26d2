// Keeps the page live: one event stream for everything on it, and forms that stay on the page.
const numbers = new Intl.NumberFormat("en");
const $ = (selector, within = document) => within.querySelector(selector);

function notice(text) {
  $("#notice").textContent = text;
  $("#notice").hidden = !text;
  document.body.classList.toggle("stale", Boolean(text));
}

function rowOf(task) {
  const known = $(`#tasks li[data-id="${CSS.escape(task.task_id)}"]`);
  return known ?? $("#row").content.cloneNode(true).firstElementChild;
}

function drawTask(task) {
  const row = rowOf(task);
  row.dataset.id = task.task_id;
  row.dataset.state = task.state;
  $(".id", row).textContent = task.task_id;
  $(".job", row).textContent = task.job ?? "reported from elsewhere";
  $(".state", row).textContent = task.stalled ? "stalled" : task.state;
  const bar = $("progress", row);
  bar.max = task.count;
  bar.value = task.done_steps;
  bar.setAttribute("aria-label", `Steps done of task ${task.task_id}`);
  $(".steps", row).textContent = `${numbers.format(task.done_steps)} of ${numbers.format(task.count)}`;
  return row;
}

function draw(now) {
  if (now.unavailable) {
    notice(`${now.unavailable}. The numbers are those of before.`);
    return;
  }
  notice("");
  $("#distinct").textContent = numbers.format(now.distinct);
  $("#today").textContent = numbers.format(now.today);
  $("#tasks").replaceChildren(...now.tasks.map(drawTask));
  $("#empty").hidden = now.tasks.length > 0;
}

async function send(form) {
  const said = form.parentElement.querySelector(".said");
  const query = new URLSearchParams(new FormData(form));
  try {
    const answer = await fetch(`${form.getAttribute("action")}?${query}`, { method: "POST" });
    const body = await answer.json();
    said.textContent = answer.ok ? `Task ${body.task_id} is started.` : body.detail;
  } catch {
    said.textContent = "The service does not answer. Try again in a moment.";
  }
}

for (const form of document.querySelectorAll("form[data-post]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}

let stream = null;

function listen() {
  stream?.close();
  stream = new EventSource("/events");
  stream.onmessage = (event) => draw(JSON.parse(event.data));
  stream.onerror = () => {
    notice("The connection is lost; the numbers are those of before. Trying again.");
    // After an answer that is no stream, such as 503, the browser itself does not.
    if (stream?.readyState === EventSource.CLOSED) setTimeout(() => document.hidden || listen(), 5000);
  };
}

function rest() {
  stream?.close();
  stream = null;
}

// A page that nobody sees holds no stream: a browser opens six connections to one service, and the pages
// behind other tabs, or on the way back, would take them all.
addEventListener("pageshow", () => document.hidden || listen());
addEventListener("pagehide", rest);
document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));

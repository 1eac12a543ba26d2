// The tail of the workers' log: of all tasks, of one or of one of its steps, at its end until somebody scrolls back in it.
import { ROOT } from "./root.js";

const $ = (selector) => document.querySelector(selector);

const MOST_LINES = 1000; // on the page
const AT_END_PX = 8;
const TROUBLE = 'li:not([data-level="info"], [data-level="debug"])';

const log = $("#log");
const fields = $("#filter").elements;

let follow = () => {};
let task = fields.task.defaultValue;
let step = fields.step.defaultValue;
let last = [0, 0]; // the place of the last line that is shown, or waits to be
let waiting = [];
let unread = 0;
let following = true; // its end is shown, and kept in sight

const placeOf = (id) => id.split("-").map(Number);
const isLater = (a, b) => a[0] > b[0] || (a[0] === b[0] && a[1] > b[1]);
const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < AT_END_PX;

/** Add a line with the next frame, however many come. After a lost stream some come again, and are left out. */
export function add(line) {
  const place = placeOf(line.id);
  if (!isLater(place, last)) return;
  last = place;
  waiting.push(line);
  if (waiting.length > MOST_LINES) waiting.shift();
  if (waiting.length === 1) requestAnimationFrame(show);
}

function show() {
  const rows = waiting.map(row);
  waiting = [];
  log.append(...rows);
  while (log.children.length > MOST_LINES) log.firstElementChild.remove();
  if (following) toEnd();
  else showUnread(unread + rows.length);
  showEmpty();
}

/** The element that the server drew of a line. */
function row(line) {
  const drawn = document.createElement("template");
  drawn.innerHTML = line.html.trim();
  return drawn.content.firstElementChild;
}

function toEnd() {
  following = true;
  log.scrollTop = log.scrollHeight;
  showUnread(0);
}

function showUnread(lines) {
  unread = lines;
  $("#newer").hidden = lines === 0;
  if (lines) $("#newer").textContent = `${lines} newer ${lines === 1 ? "line" : "lines"} below`;
}

/** Show warnings and errors only, or all lines, as is chosen. */
function showChosen() {
  log.classList.toggle("trouble", $("#trouble").checked);
  showEmpty();
  toEnd();
}

function showEmpty() {
  const calm = $("#trouble").checked && log.children.length > 0; // lines, and what is hidden is all of them
  $("#no-line").hidden = log.querySelector(calm ? TROUBLE : "li") !== null;
  $("#no-trouble").hidden = !calm;
  $("#none-of-task").hidden = calm || !task;
  $("#none-at-all").hidden = calm || Boolean(task);
  $("#filtered").textContent = step ? `${task}, step ${step}` : task;
}

function filter(chosenTask, chosenStep) {
  task = fields.task.value = chosenTask;
  step = fields.step.value = chosenTask && chosenStep;
  last = [0, 0];
  waiting = [];
  log.replaceChildren();
  $("#open").hidden = !task;
  $("#open").href = `${ROOT}/tasks/${encodeURIComponent(task)}`;
  toEnd();
  showEmpty();
  follow(step ? `${task} ${step}` : task);
}

function choose(chosenTask, chosenStep = "") {
  const asked = Object.entries({ task: chosenTask, step: chosenTask && chosenStep }).filter(([, text]) => text);
  const address = `${ROOT}/workers${asked.length ? `?${new URLSearchParams(asked)}` : ""}`;
  if (chosenTask !== task || chosenStep !== step) history.pushState(null, "", address);
  filter(chosenTask, chosenStep);
}

function filterAs(address) {
  const query = new URLSearchParams(address);
  filter(query.get("task") ?? "", query.get("step") ?? "");
}

/** Call `action` with the task, or the task and the step, whose lines are asked for; with an empty text for all. */
export function onFilter(action) {
  follow = action;
}

/** Show the stream's lines from now on, in place of those that the page came with. */
export function begin() {
  toEnd();
  filterAs(location.search);
}

$("#filter").addEventListener("submit", (event) => {
  event.preventDefault();
  choose(fields.task.value.trim(), fields.step.value.trim());
});
fields.task.addEventListener("search", () => fields.task.value || choose(""));
fields.step.addEventListener("search", () => fields.step.value || choose(task));
addEventListener("popstate", () => filterAs(location.search));
document.addEventListener("click", (event) => {
  const link = event.target.closest(`a[href^='${ROOT}/workers']`);
  if (!link || !link.closest("main") || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  const { searchParams } = new URL(link.href);
  choose(searchParams.get("task") ?? "", searchParams.get("step") ?? "");
  $("#log-title").scrollIntoView({ block: "nearest" });
});
$("#trouble").addEventListener("change", showChosen);
addEventListener("pageshow", showChosen); // of a page that is gone back to, the browser restores the choice alone
$("#newer").addEventListener("click", () => {
  toEnd();
  log.focus();
});
log.addEventListener("scroll", () => {
  following = isAtEnd();
  if (following) showUnread(0);
});
new ResizeObserver(() => following && toEnd()).observe(log);

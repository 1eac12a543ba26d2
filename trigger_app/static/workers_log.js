// The tail of the workers' log: of all tasks or of one, at its end until somebody reads back in it.
import { $, put, several } from "./workers_text.js";

const MOST_LINES = 1000; // on the page
const AT_END_PX = 8;
const TROUBLE = 'li:not([data-level="info"], [data-level="debug"])';

const log = $("#log");
const field = $("#filter [name=task]");

let follow = () => {};
let task = field.defaultValue;
let last = [0, 0]; // the place of the last line that is shown, or waits to be
let waiting = [];
let unread = 0;
let following = true; // its end is shown, and kept in sight

const placeOf = (id) => id.split("-").map(Number);
const isLater = (a, b) => a[0] > b[0] || (a[0] === b[0] && a[1] > b[1]);
const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < AT_END_PX;

/** A line that was told: drawn with the next frame, however many come. After a lost stream some come again. */
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
  else tellUnread(unread + rows.length);
  tellEmpty();
}

function row(line) {
  const drawn = $("#a-line").content.cloneNode(true).firstElementChild;
  drawn.dataset.level = line.level;
  const time = $("time", drawn);
  time.dateTime = line.at;
  time.title = `${line.at}, process ${line.pid} of ${line.worker}`;
  time.textContent = line.at.slice(11, 23).replace("Z", "");
  $(".level", drawn).textContent = line.level;
  $(".text", drawn).textContent = line.text;
  return drawn;
}

function toEnd() {
  following = true;
  log.scrollTop = log.scrollHeight;
  tellUnread(0);
}

function tellUnread(lines) {
  unread = lines;
  $("#newer").hidden = lines === 0;
  if (lines) put($("#newer"), `${several(lines, "newer line")} below`);
}

function tellEmpty() {
  const calm = $("#trouble").checked && log.children.length > 0; // lines, and what is hidden is all of them
  $("#no-line").hidden = log.querySelector(calm ? TROUBLE : "li") !== null;
  $("#no-trouble").hidden = !calm;
  $("#none-of-task").hidden = calm || !task;
  $("#none-at-all").hidden = calm || Boolean(task);
  put($("#filtered"), task);
}

function filter(chosen) {
  task = field.value = chosen;
  last = [0, 0];
  waiting = [];
  log.replaceChildren();
  $("#open").hidden = !task;
  $("#open").href = `/tasks/${encodeURIComponent(task)}`;
  toEnd();
  tellEmpty();
  follow(task);
}

function choose(chosen) {
  const address = chosen ? `/workers?task=${encodeURIComponent(chosen)}` : "/workers";
  if (chosen !== task) history.pushState(null, "", address);
  filter(chosen);
}

/** What to do when the lines of another task, or of all, are asked for. */
export function onFilter(action) {
  follow = action;
}

/** Show what is told from now on, in place of the lines that the page came with. */
export function begin() {
  toEnd();
  filter(new URLSearchParams(location.search).get("task") ?? "");
}

$("#filter").addEventListener("submit", (event) => {
  event.preventDefault();
  choose(field.value.trim());
});
field.addEventListener("search", () => field.value || choose(""));
addEventListener("popstate", () => filter(new URLSearchParams(location.search).get("task") ?? ""));
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='/workers']");
  if (!link || !link.closest("main") || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  choose(new URL(link.href).searchParams.get("task") ?? "");
  $("#log-title").scrollIntoView({ block: "nearest" });
});
$("#trouble").addEventListener("change", (event) => {
  log.classList.toggle("trouble", event.target.checked);
  tellEmpty();
  toEnd();
});
$("#newer").addEventListener("click", () => {
  toEnd();
  log.focus();
});
log.addEventListener("scroll", () => {
  following = isAtEnd();
  if (following) tellUnread(0);
});
new ResizeObserver(() => following && toEnd()).observe(log);

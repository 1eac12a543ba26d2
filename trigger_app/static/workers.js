// Keeps the view of the workers live: one stream tells how they are, and each new line of their log.
import { follow } from "./stream.js";
import { $, age, numbers, put, several } from "./workers_text.js";
import { add, begin, onFilter } from "./workers_log.js";

const LATELY_SECONDS = 5; // that the one figure of throughput is about
const SPARK_HEIGHT = 32;

/** Has as many children as there are things, each the one of its key, made by `make` where it is new. */
function keyed(parent, things, key, name, make) {
  const known = new Map([...parent.children].map((child) => [child.dataset[name], child]));
  things.forEach((thing, place) => {
    const child = known.get(String(key(thing))) ?? $(make).content.cloneNode(true).firstElementChild;
    known.delete(String(key(thing)));
    child.dataset[name] = key(thing);
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
  });
  for (const gone of known.values()) gone.remove();
  return [...parent.children];
}

/** Which steps a process is at, in words. */
function stepsOf(at) {
  if (!at.ranges.length) return "sends its steps";
  const named = at.ranges.map(([start, stop]) => (stop === start + 1 ? `${start}` : `${start}–${stop - 1}`));
  const shown = at.ranges.reduce((sum, [start, stop]) => sum + stop - start, 0);
  const more = at.steps > shown ? ` and ${numbers.format(at.steps - shown)} more` : "";
  return `step${at.steps === 1 ? "" : "s"} ${named.join(", ")}${more}`;
}

function drawProcess(row, at) {
  const busy = at.task_id !== null;
  row.classList.toggle("idle", !busy);
  put($(".pid", row), at.pid);
  put($(".steps", row), busy ? stepsOf(at) : "waits for work");
  if (busy) linkTo(row, at.task_id);
  else $(".task", row)?.remove();
}

/** Its link to a task; rows of processes that wait have none. */
function linkTo(row, task) {
  const link = $(".task", row) ?? $("#a-process").content.querySelector(".task").cloneNode();
  put(link, task);
  const address = `/workers?task=${encodeURIComponent(task)}`;
  if (link.getAttribute("href") !== address) link.setAttribute("href", address);
  if (!link.isConnected) $(".pid", row).after(" ", link, " ");
}

function drawWorker(card, worker) {
  card.dataset.alive = worker.alive;
  put($("h2 code", card), worker.worker);
  put($(".state", card), worker.alive ? "alive" : "lost");
  const queues = worker.queues.map((queue) => queue.replace("donebit.", "")).join(", ");
  put(
    $(".about", card),
    `${several(worker.processes, "process", "processes")}, there for ${age(worker.since)}, ` +
      `last seen ${age(worker.last_seen)} ago. Takes from ${queues}.`,
  );
  const list = $(".processes", card);
  list.setAttribute("aria-label", `What its processes ${worker.alive ? "are" : "last were"} at`);
  const rows = keyed(list, worker.at, (at) => at.pid, "pid", "#a-process");
  rows.forEach((row, place) => drawProcess(row, worker.at[place]));
}

function drawThroughput(steps) {
  const most = Math.max(...steps) || 1;
  const points = steps.map((count, n) => `${2 * n},${(SPARK_HEIGHT - 1 - (count / most) * (SPARK_HEIGHT - 2)).toFixed(1)}`);
  $("#spark").setAttribute("points", points.join(" "));
  $("#area").setAttribute("points", ["0,32", ...points, "118,32"].join(" "));
  const lately = steps.slice(-LATELY_SECONDS).reduce((sum, count) => sum + count, 0) / LATELY_SECONDS;
  put($("#rate"), numbers.format(Math.round(lately)));
  const minute = steps.reduce((sum, count) => sum + count, 0);
  put($("#minute"), `${numbers.format(minute)} within the last minute`);
}

function drawQueues(now) {
  if (!now.queues) return;
  put($("#waiting"), numbers.format(now.queues.reduce((sum, queue) => sum + queue.messages, 0)));
  const each = now.queues.map(({ queue, messages }) => `${queue.replace("donebit.", "")}\u00a0${numbers.format(messages)}`);
  put($("#queues"), [...each, `${numbers.format(now.in_hand)}\u00a0taken`].join(" · "));
}

function drawSweep(sweep) {
  put($("#swept"), sweep.last_seen ? `${age(sweep.last_seen)} ago` : "–");
  put($("#healed"), `${several(sweep.open_tasks, "open task")}, ${several(sweep.heals, "heal")} in\u00a0a\u00a0day`);
  $("#no-sweep").hidden = Boolean(sweep.last_seen);
  $("#heals").hidden = !sweep.last_heals.length;
  const rows = keyed($("#heals ul"), sweep.last_heals, (heal) => `${heal.task_id}:${heal.at}`, "heal", "#a-heal");
  rows.forEach((row, place) => drawHeal(row, sweep.last_heals[place]));
}

function drawHeal(row, heal) {
  const link = $("a", row);
  put(link, heal.task_id);
  link.setAttribute("href", `/workers?task=${encodeURIComponent(heal.task_id)}`);
  row.replaceChildren(link, `: ${several(heal.steps, "missing step")} sent again, ${age(heal.at)} ago`);
}

let now = null;

function draw() {
  if (!now) return;
  const alive = now.workers.filter((worker) => worker.alive);
  const processes = alive.flatMap((worker) => worker.at);
  const busy = processes.filter((at) => at.task_id !== null).length;
  put($("#alive"), alive.length);
  put($("#processes"), alive.length ? `${busy} of ${several(processes.length, "process", "processes")} at work` : "");
  $("#no-worker").hidden = now.workers.length > 0;
  const cards = keyed($("#workers"), now.workers, (worker) => worker.worker, "worker", "#a-worker");
  cards.forEach((card, place) => drawWorker(card, now.workers[place]));
  drawThroughput(now.steps_by_second);
  drawQueues(now);
  drawSweep(now.sweep);
}

function hear(told) {
  if (!told.now) return add(told);
  now = told.now;
  draw();
}

// Ages grow while nothing is told; those of what is stale do not, for nobody knows.
setInterval(() => document.body.classList.contains("stale") || document.hidden || draw(), 1000);

onFilter((task) => follow(task ? `/events/workers?about=${encodeURIComponent(task)}` : "/events/workers", hear));
begin();

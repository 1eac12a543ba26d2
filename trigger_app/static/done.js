// Keeps the list of tasks live.
import "./forms.js";
import { follow } from "./stream.js";

const numbers = new Intl.NumberFormat("en");
const $ = (selector, within = document) => within.querySelector(selector);

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

follow("/events/done", (now) => {
  $("#tasks").replaceChildren(...now.tasks.map(drawTask));
  $("#empty").hidden = now.tasks.length > 0;
});

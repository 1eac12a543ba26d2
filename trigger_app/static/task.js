// The page of one task: live parts, the bitmap, and buttons that ask before something is lost.
import { Bits } from "./bits.js";
import { Grid } from "./grid.js";
import { say, send } from "./forms.js";
import { lay } from "./fragments.js";
import { notifyOf, offer } from "./notify.js";
import { ROOT } from "./root.js";
import { follow, leave, notice } from "./stream.js";

const $ = (selector, within = document) => within.querySelector(selector);
const taskId = $("#rule").dataset.id;
const events = `${ROOT}/events/task/${encodeURIComponent(taskId)}`;
const bits = new Bits();
const grid = new Grid(bits, { place: $("#cells"), reading: $("#reading"), scale: $("#scale") });

function draw(message) {
  if (message.fragment) {
    const place = document.getElementById(message.fragment);
    if (place.dataset.older === undefined) lay(place, message.html);
    if (message.fragment === "facts") offer(taskId, isRunning());
  } else if (message.shape) {
    // A map of many bits takes all of the width, so that each has a pixel.
    const split = $(".split");
    split.dataset.large = message.count > Number(split.dataset.largeFrom) ? "yes" : "no";
    if (bits.shape(message)) grid.layOut();
  } else if (message.plane) {
    bits.take(message);
    grid.wake();
  } else if (message.gone) {
    leave();
    notice("This task no longer exists: it was deleted or has expired.");
  }
}

/** Whether the task can still end, as the page shows it. */
function isRunning() {
  return ["running", "paused", "stalled"].includes($(".facts")?.dataset.state);
}

function ask(name) {
  const dialog = document.getElementById(`ask-${name}`);
  $(".said", dialog).textContent = "";
  if (name === "extend") {
    const count = Number($(".facts").dataset.count);
    const field = $("[name=count]", dialog);
    field.min = count + 1;
    field.value = Math.min(Math.max(2 * count, 1), Number(field.max));
  }
  dialog.showModal();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.ask) {
    event.preventDefault(); // without a script the question is a page of its own
    ask(button.dataset.ask);
  }
  if (button?.dataset.close !== undefined) button.closest("dialog").close();
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.dataset.change === undefined) return;
  event.preventDefault();
  const dialog = form.closest("dialog");
  const around = form.closest("dialog, #failures");
  const place = around ? $(".said", around) : $("#said");
  if (form.dataset.then) leave(); // what is deleted here is no news here
  const { accepted, detail } = await send(form.getAttribute("action"), { body: new URLSearchParams(new FormData(form)) });
  say(place, detail);
  if (!accepted) {
    if (form.dataset.then) follow(events, draw); // it is still there
    return;
  }
  dialog?.close();
  if (form.dataset.then) location.replace(form.dataset.then); // the way back leads to no task that is gone
});

notifyOf(taskId, isRunning);
follow(events, draw);

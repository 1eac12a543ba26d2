// The page of schedules: the form that creates one, the buttons of each, and the live list.
import { say, send, showStarted } from "./forms.js";
import { lay } from "./fragments.js";
import { ROOT } from "./root.js";
import { follow } from "./stream.js";

const $ = (selector, within = document) => within.querySelector(selector);

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const creates = form.id === "create";
  if (!creates && form.dataset.change === undefined) return;
  event.preventDefault();
  const place = creates ? $("article .said") : $("#said");
  const result = await send(form.getAttribute("action"), { body: new URLSearchParams(new FormData(form)) });
  if (result.body.task_id) {
    showStarted(place, result);
    return;
  }
  if (creates && result.accepted) form.reset();
  say(place, creates && result.accepted ? `Created schedule ${result.body.name}.` : result.detail);
});

follow(`${ROOT}/events/schedules`, (message) => {
  const place = document.getElementById(message.fragment);
  if (place.dataset.older === undefined) lay(place, message.html);
});

// The page of schedules and expectations: the forms that create one, the buttons of each, and the live lists.
import { say, send, showStarted } from "./forms.js";
import { lay } from "./fragments.js";
import { ROOT } from "./root.js";
import { follow } from "./stream.js";

const $ = (selector, within = document) => within.querySelector(selector);

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const creates = form.matches("#create, #expect");
  if (!creates && form.dataset.change === undefined) return;
  event.preventDefault();
  const place = creates ? $(".said", form.closest("article")) : $(":scope > .said", form.closest("section"));
  const result = await send(form.getAttribute("action"), { body: new URLSearchParams(new FormData(form)) });
  if (result.body.task_id) {
    showStarted(place, result);
    return;
  }
  if (creates && result.accepted) form.reset();
  if (result.accepted) watch();
  say(place, result.detail || `Created schedule ${result.body.name}.`);
});

/** Follow the lists, from how they are now: the process that sends them may not be the one that has changed them. */
function watch() {
  const about = encodeURIComponent($("#schedules").dataset.after);
  follow(`${ROOT}/events/schedules?about=${about}`, (message) => lay(document.getElementById(message.fragment), message.html));
}

watch();

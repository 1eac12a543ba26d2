// The button by which one is notified of a task's end.
import { canWait, forget, waitedFor, waitFor } from "./waiting.js";

const WILL = "You will be notified while any page of Donebit is open in this browser.";

const place = document.querySelector("#notify");
const button = place.querySelector("button");
const said = place.querySelector(".said");

/** Show the button of a task while it runs. */
export function offer(id, running) {
  const waiting = waitedFor().includes(id);
  place.hidden = !running;
  button.setAttribute("aria-pressed", waiting);
  if (waiting) said.textContent = WILL;
  else if (said.textContent === WILL) said.textContent = "";
}

/** Why this browser cannot notify; empty if it can, or must be asked first. */
function obstacle() {
  if (!isSecureContext) return "Not possible here: browsers show notifications only of pages over HTTPS, or from localhost.";
  if (!("Notification" in window) || /Android/.test(navigator.userAgent)) return "Not possible: this browser shows no notifications of open pages.";
  if (Notification.permission === "denied") return "Notifications of this site are blocked in this browser: allow them in its settings.";
  if (!canWait) return "Not possible: this browser keeps no data of this site.";
  return "";
}

async function toggle(id, isRunning) {
  said.textContent = "";
  if (waitedFor().includes(id)) forget(id);
  else if (!obstacle() && (await Notification.requestPermission()) === "granted") waitFor(id);
  else said.textContent = obstacle() || "Not allowed, so you will not be notified.";
  offer(id, isRunning()); // it may have ended while permission was asked for
}

/** Wait for the end of a task, or no longer, with each click. */
export function notifyOf(id, isRunning) {
  offer(id, isRunning());
  button.addEventListener("click", () => toggle(id, isRunning));
}

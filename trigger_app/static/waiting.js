// The tasks whose end this browser is notified of. One of its pages, in sight or not, listens for all of them.
import { EventStream } from "./event_stream.js";
import { ROOT } from "./root.js";

const KEY = `donebit.waiting${ROOT}`;
const MOST = 20;

const kept = storage();

/** Whether this browser can: it must keep data of the site, and have locks. */
export const canWait = Boolean(kept && navigator.locks);

let asked = false; // to be the page that listens
let stream = null;
let retire = () => {};

function storage() {
  try {
    return localStorage;
  } catch { // where site data is blocked
    return null;
  }
}

/** The ids of the tasks whose end is waited for. */
export function waitedFor() {
  return JSON.parse(kept?.getItem(KEY) ?? "[]");
}

export function waitFor(id) {
  change([...waitedFor().filter((one) => one !== id), id].slice(-MOST));
}

export function forget(id) {
  change(waitedFor().filter((one) => one !== id));
}

function change(ids) {
  kept.setItem(KEY, JSON.stringify(ids));
  listen();
}

/** Listen for what is waited for, unless another page does: the lock is that page's until it is closed. */
function listen() {
  const ids = waitedFor();
  if (!ids.length) retire();
  else if (stream) follow(ids);
  else if (!asked && canWait) {
    asked = true;
    navigator.locks.request(KEY, lead);
  }
}

/** Listen until nothing is waited for; by now all may have ended. */
async function lead() {
  const ids = waitedFor();
  if (ids.length) {
    follow(ids);
    await new Promise((resolve) => (retire = resolve));
    stream.close();
    stream = null;
  }
  asked = false;
  listen(); // for what has come meanwhile
}

function follow(ids) {
  const path = `${ROOT}/events/ends?about=${ids.map(encodeURIComponent).join(",")}`;
  if (stream?.path === path) return;
  stream?.close();
  stream = new EventStream(path, { hear });
}

function hear({ task_id: id, title, text }) {
  if (!id || !waitedFor().includes(id)) return; // the store is away, or it was notified of already
  forget(id);
  if (!title) return; // it is gone
  const shown = new Notification(title, { body: text, tag: id, icon: `${ROOT}/static/icon.svg` });
  shown.addEventListener("click", () => {
    focus();
    open(`${ROOT}/tasks/${encodeURIComponent(id)}`, `donebit-${id}`);
  });
}

addEventListener("storage", (event) => event.key === KEY && listen());
addEventListener("pageshow", (event) => event.persisted && listen());
listen();

// The one event stream of a page: its messages are drawn, and while it is lost the page says so.
import { EventStream } from "./event_stream.js";
import { SIGNED_OUT, UNAUTHORIZED } from "./forms.js";

const LOST = "Connection lost. Showing the last known values. Reconnecting…";
const ASKING_MS = 4000; // less than until a refused stream is asked for again

let stream = null;
let path = "";
let draw = () => {};

/**
 * Passes each message of the stream to `drawing` from now on.
 * While none come the body has the class "stale" and #notice says why; both go by themselves.
 */
export function follow(events, drawing) {
  path = events;
  draw = drawing;
  if (!document.hidden) listen();
}

/** Stop following the stream. */
export function leave() {
  path = "";
  rest();
}

export function notice(text) {
  const place = document.querySelector("#notice");
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
  document.body.classList.toggle("stale", Boolean(text));
  const live = document.querySelector("#live");
  live.hidden = false;
  live.firstElementChild.textContent = text ? "not live" : "live";
}

function listen() {
  rest();
  if (path) stream = new EventStream(path, { hear, lost });
}

async function lost(refused) {
  const asked = stream;
  const text = refused && (await isSignedOut()) ? SIGNED_OUT : LOST;
  if (asked === stream) notice(text);
}

/** Whether the stream is refused for want of a session: an event stream itself does not say why. */
async function isSignedOut() {
  const asked = fetch(path, { method: "HEAD", signal: AbortSignal.timeout(ASKING_MS) });
  return (await asked.catch(() => ({}))).status === UNAUTHORIZED;
}

function hear(message) {
  if (message.unavailable) {
    notice(`${message.unavailable}. Showing the last known values.`);
    return;
  }
  notice("");
  draw(message);
}

function rest() {
  stream?.close();
  stream = null;
}

// A page that nobody sees holds no stream: a browser opens six connections to one service, and the pages
// behind other tabs, or on the way back, would take them all.
addEventListener("pageshow", (event) => event.persisted && !document.hidden && listen());
addEventListener("pagehide", rest);
document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));

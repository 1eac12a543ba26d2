// The one event stream of a page: its messages are drawn, and while it is lost the page says so.

const RETRY_MS = 5000;
const SILENT_MS = 25000; // the server gives a sign of life within 10 s: a stream that is silent so long is cut or stuck
const LOST = "Connection lost. Showing the last known values. Reconnecting…";

let stream = null;
let heard = 0; // when anything came from it
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
  stream?.close();
  if (!path) return;
  const opened = (stream = new EventSource(path));
  heard = Date.now();
  opened.addEventListener("alive", () => (heard = Date.now()));
  opened.addEventListener("message", (event) => hear(JSON.parse(event.data)));
  opened.addEventListener("error", () => {
    notice(LOST);
    // After an answer that is no stream, such as 503, the browser itself does not.
    if (opened.readyState === EventSource.CLOSED) setTimeout(() => opened === stream && listen(), RETRY_MS);
  });
}

function hear(message) {
  heard = Date.now();
  if (message.unavailable) {
    notice(`${message.unavailable}. Showing the last known values.`);
    return;
  }
  notice("");
  draw(message);
}

// A service that hangs, or a network that vanished, raises no error event.
setInterval(() => {
  if (!stream || Date.now() - heard < SILENT_MS) return;
  notice(LOST);
  listen();
}, 1000);

function rest() {
  stream?.close();
  stream = null;
}

// A page that nobody sees holds no stream: a browser opens six connections to one service, and the pages
// behind other tabs, or on the way back, would take them all.
addEventListener("pageshow", (event) => event.persisted && !document.hidden && listen());
addEventListener("pagehide", rest);
document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));

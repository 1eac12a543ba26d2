// The one event stream of a page: what it tells is drawn, and while it is lost the page says so.

const RETRY_MS = 5000;

let stream = null;
let path = "";
let draw = () => {};

/**
 * Draws what the stream tells from now on, `told` being one message of the server's.
 * While nothing is told the body has the class "stale" and #notice says why; both go by themselves.
 */
export function follow(events, drawing) {
  path = events;
  draw = drawing;
  if (!document.hidden) listen();
}

/** Nothing more will be told. */
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
  opened.onmessage = (event) => hear(JSON.parse(event.data));
  opened.onerror = () => {
    notice("The connection is lost; the numbers are those of before. Trying again.");
    // After an answer that is no stream, such as 503, the browser itself does not.
    if (opened.readyState === EventSource.CLOSED) setTimeout(() => opened === stream && listen(), RETRY_MS);
  };
}

function hear(told) {
  if (told.unavailable) {
    notice(`${told.unavailable}. The numbers are those of before.`);
    return;
  }
  notice("");
  draw(told);
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

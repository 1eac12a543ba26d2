// An event stream that is opened again whenever it is lost, cut or silent.

const RETRY_MS = 5000;
const SILENT_MS = 25000; // the server gives a sign of life within 10 s: a stream that is silent so long is cut or stuck

export class EventStream {
  #source = null;
  #heard = 0; // when anything came from it

  /**
   * Pass each message of the stream at `path` to `hear`, until it is closed; call `lost` whenever it is lost,
   * with true if it was refused.
   */
  constructor(path, { hear, lost = () => {} }) {
    this.path = path;
    this.hear = hear;
    this.lost = lost;
    this.#open();
    // A service that hangs, or a network that vanished, raises no error event.
    this.watch = setInterval(() => {
      if (Date.now() - this.#heard < SILENT_MS) return;
      this.lost(false);
      this.#open();
    }, 1000);
  }

  #open() {
    this.#source?.close();
    const opened = (this.#source = new EventSource(this.path));
    this.#heard = Date.now();
    opened.addEventListener("alive", () => (this.#heard = Date.now()));
    opened.addEventListener("message", (event) => {
      this.#heard = Date.now();
      this.hear(JSON.parse(event.data));
    });
    opened.addEventListener("error", () => {
      const refused = opened.readyState === EventSource.CLOSED;
      this.lost(refused);
      // After an answer that is no stream, such as 503, the browser itself does not.
      if (refused) setTimeout(() => opened === this.#source && this.#open(), RETRY_MS);
    });
  }

  close() {
    clearInterval(this.watch);
    this.#source.close();
    this.#source = null;
  }
}

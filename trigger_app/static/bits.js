// What is known of a task's bits. A unit is one step up to a million of them, beyond it a shade of many.

const NONE = new Uint8Array(0);

export class Bits {
  constructor() {
    this.of = ""; // names these cells: under another name nothing that is known of them holds
    this.count = 0; // steps
    this.steps = 1; // that a unit stands for
    this.units = 0; // the end marker is one too where each bit is
    this.done = NONE; // bits, or a byte a unit
    this.failed = NONE;
    this.failing = false; // something has failed, or had
    this.full = false;
    this.waiting = new Map(); // parts that are not taken in yet, the newest of each
  }

  /** Take in how many there are; whether that is another number than before. */
  shape({ shape, count, steps, full }) {
    const renewed = shape !== this.of;
    const changed = renewed || count !== this.count || full !== this.full;
    if (!changed) return false;
    const size = steps === 1 ? (count >> 3) + 1 : Math.ceil(count / steps);
    this.of = shape;
    this.count = count;
    this.steps = steps;
    this.units = steps === 1 ? count + 1 : size;
    this.full = full;
    if (renewed) this.waiting.clear();
    if (renewed || full) this.failing = false;
    this.done = grown(renewed ? NONE : this.done, size);
    this.failed = grown(renewed || full ? NONE : this.failed, size);
    if (full) {
      this.waiting.clear();
      this.done.fill(255);
    }
    return true;
  }

  /** Keep a part until there is time for it. */
  take(part) {
    if (part.of !== this.of || this.full) return;
    const name = `${part.plane}:${part.at}`;
    this.waiting.delete(name);
    this.waiting.set(name, part);
  }

  /** Take in the part that has waited longest; call `changed` with the units, [first, after), that may differ now. */
  settle(changed) {
    const [name, part] = this.waiting.entries().next().value;
    this.waiting.delete(name);
    const text = atob(part.bytes);
    const known = this[part.plane];
    if (part.plane === "failed") this.failing = true;
    const units = this.steps === 1 ? 8 : 1;
    let first = -1;
    let last = -1;
    for (let i = 0, at = part.at; i < text.length && at < known.length; i++, at++) {
      const byte = text.charCodeAt(i);
      if (known[at] === byte) continue;
      known[at] = byte;
      if (first < 0) first = at;
      last = at;
    }
    if (first >= 0) changed(first * units, Math.min((last + 1) * units, this.units));
  }

  isDone(unit) {
    return (this.done[unit >> 3] >> (7 - (unit & 7))) & 1;
  }

  hasFailed(unit) {
    return (this.failed[unit >> 3] >> (7 - (unit & 7))) & 1;
  }

  /** How much of the units [first, after) is done, and how much has failed, each 0 to 1; the end marker counts not. */
  share(first, after) {
    if (this.steps > 1) return { done: mean(this.done, first, after), failed: mean(this.failed, first, after) };
    const stop = Math.min(after, this.count);
    let done = 0;
    let failed = 0;
    for (let unit = first; unit < stop; unit++) {
      if (this.isDone(unit)) done++;
      else if (this.hasFailed(unit)) failed++;
    }
    const of = Math.max(1, stop - first);
    return { done: done / of, failed: failed / of };
  }
}

function grown(bytes, size) {
  const more = new Uint8Array(size);
  more.set(bytes.subarray(0, size));
  return more;
}

function mean(shades, first, after) {
  let sum = 0;
  for (let unit = first; unit < after; unit++) sum += shades[unit];
  const share = sum / (255 * Math.max(1, after - first));
  return sum > 0 ? Math.max(share, 0.004) : 0;
}

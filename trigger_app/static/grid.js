// The cells of a bitmap on a canvas. Few are drawn as shapes; of many, each is one pixel or some.
import { layout } from "./layout.js";
import { markedCells } from "./marked.js";
import { drawCell, mixed, palette } from "./paint.js";

const numbers = new Intl.NumberFormat("en");
const FRAME_MS = 6; // of a frame's 16 for taking in new data: the rest is the browser's
const FRAMES_A_READ = 12; // what comes at once, four times a second, is spread over so many frames
const MARKED = 400; // failed cells that get a mark each where cells are too small for shapes

export class Grid {
  constructor(bits, { place, reading, scale }) {
    this.bits = bits;
    this.place = place;
    this.reading = reading;
    this.scale = scale;
    [this.map, this.marks] = place.querySelectorAll("canvas");
    this.at = 0; // the cell that is read
    this.pointed = false;
    this.awake = false;
    this.listen();
  }

  listen() {
    new ResizeObserver(() => this.fit()).observe(this.place.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.layOut());
    this.place.addEventListener("pointermove", (event) => this.point(event));
    this.place.addEventListener("pointerdown", (event) => this.point(event));
    this.place.addEventListener("keydown", (event) => this.key(event));
    this.place.addEventListener("focus", () => this.remark());
    this.place.addEventListener("blur", () => this.remark());
  }

  /** Lay out again for another width; that the canvases themselves have grown is no reason to. */
  fit() {
    if (this.place.parentElement.clientWidth !== this.width) this.layOut();
  }

  /** Choose the size of the cells for the room there is, and draw them all. */
  layOut() {
    if (!this.bits.units) return;
    this.width = this.place.parentElement.clientWidth;
    this.grid = layout(this.bits.units, this.width, innerHeight, devicePixelRatio);
    this.colours = palette(this.place);
    const { columns, rows, size, stands } = this.grid;
    this.shapes = size >= 5 && stands === 1 && this.bits.steps === 1;
    const px = this.shapes ? size : 1;
    this.map.width = columns * px;
    this.map.height = rows * px;
    const ratio = devicePixelRatio;
    for (const canvas of [this.map, this.marks]) {
      canvas.style.width = `${(columns * size) / ratio}px`;
      canvas.style.height = `${(rows * size) / ratio}px`;
    }
    this.marks.width = columns * size;
    this.marks.height = rows * size;
    this.context = this.map.getContext("2d", { alpha: true });
    this.image = this.shapes ? null : this.context.createImageData(columns, rows);
    this.pixels = this.image && new Uint32Array(this.image.data.buffer);
    this.dirty = new Uint8Array(rows);
    this.at = Math.min(this.at, this.last);
    this.cells(0, this.grid.cells);
    Object.assign(this.place.dataset, { columns, size, steps: stands * this.bits.steps });
    this.showScale();
    this.remark();
  }

  get last() {
    return this.grid.cells - 1;
  }

  showScale() {
    const steps = this.grid.stands * this.bits.steps;
    this.scale.textContent = steps === 1 ? "one cell is one step" : `one cell is ${numbers.format(steps)} steps`;
    this.place.setAttribute("aria-valuemax", String(this.last));
    this.read(this.at);
  }

  /** Draw the marks over the cells again, in the next frame: their canvas is as large as that of the cells. */
  remark() {
    this.remarked = true;
    this.wake();
  }

  /** Draw in the next frames whatever there is to draw. */
  wake() {
    if (this.awake || !this.grid) return;
    this.awake = true;
    requestAnimationFrame(() => this.frame());
  }

  frame() {
    const began = performance.now();
    const { waiting } = this.bits;
    const fewest = Math.ceil(waiting.size / FRAMES_A_READ);
    for (let taken = 0; waiting.size && taken < fewest && performance.now() - began < FRAME_MS; taken++) {
      this.bits.settle((first, after) => this.units(first, after));
    }
    this.show();
    this.awake = false;
    if (waiting.size) this.wake();
    else this.read(this.at);
  }

  units(first, after) {
    const { stands } = this.grid;
    this.remarked ||= this.bits.failing;
    this.cells(Math.floor(first / stands), Math.min(Math.ceil(after / stands), this.grid.cells));
  }

  /** Draw these cells; small ones become pixels that are shown with the rest of the frame. */
  cells(first, after) {
    if (this.shapes) {
      for (let cell = first; cell < after; cell++) this.drawShape(cell);
      return;
    }
    if (this.grid.stands === 1 && this.bits.steps === 1) this.bitPixels(first, after);
    else for (let cell = first; cell < after; cell++) this.pixels[cell] = this.shade(cell);
    const { columns } = this.grid;
    this.dirty.fill(1, Math.floor(first / columns), Math.floor((after - 1) / columns) + 1);
  }

  stateOf(unit) {
    if (unit === this.bits.count) return "end";
    if (this.bits.isDone(unit)) return "done";
    return this.bits.hasFailed(unit) ? "failed" : "missing";
  }

  drawShape(cell) {
    const { columns, size } = this.grid;
    const [x, y] = [(cell % columns) * size, Math.floor(cell / columns) * size];
    drawCell(this.context, this.stateOf(cell), x, y, size, this.colours);
  }

  /** A byte at a time: of most, all bits are done or none is anything, and a million are drawn in one frame. */
  bitPixels(first, after) {
    const { pixels, bits } = this;
    const { packed } = this.colours;
    for (let cell = first; cell < after; ) {
      const at = cell >> 3;
      const stop = Math.min((at + 1) << 3, after);
      const [done, failed] = [bits.done[at], bits.failed[at]];
      if (done === 255 || (!done && !failed)) {
        const colour = done ? packed.done : packed.missing;
        while (cell < stop) pixels[cell++] = colour;
      } else {
        for (; cell < stop; cell++) pixels[cell] = packed[this.stateOf(cell)];
      }
    }
    if (first <= bits.count && bits.count < after) pixels[bits.count] = packed.end;
  }

  shade(cell) {
    const { done, failed } = this.bits.share(...this.unitsOf(cell));
    return mixed(this.colours, done, failed);
  }

  unitsOf(cell) {
    const { stands } = this.grid;
    return [cell * stands, Math.min((cell + 1) * stands, this.bits.units)];
  }

  show() {
    if (this.image) {
      const { columns, rows } = this.grid;
      for (let row = 0; row < rows; row++) {
        if (!this.dirty[row]) continue;
        let after = row;
        while (after < rows && this.dirty[after]) this.dirty[after++] = 0;
        this.context.putImageData(this.image, 0, 0, 0, row, columns, after - row);
        row = after;
      }
    }
    if (this.remarked) this.showMarks();
    this.remarked = false;
  }

  showMarks() {
    const { columns, size } = this.grid;
    const pen = this.marks.getContext("2d");
    pen.clearRect(0, 0, this.marks.width, this.marks.height);
    const ring = (cell, colour, width) => {
      const [x, y] = [(cell % columns) * size, Math.floor(cell / columns) * size];
      const wide = Math.max(size, 7 * devicePixelRatio);
      const off = (wide - size) / 2;
      const within = (at, side) => Math.max(1, Math.min(at - off, side - wide - 1)) + 0.5;
      pen.strokeStyle = colour;
      pen.lineWidth = width * devicePixelRatio;
      pen.strokeRect(within(x, this.marks.width), within(y, this.marks.height), wide - 1, wide - 1);
    };
    if (!this.shapes) {
      ring(this.last, this.colours.end, 2);
      for (const cell of this.failedCells()) ring(cell, this.colours.failed, 1.5);
    }
    for (const cell of markedCells(this)) ring(cell, this.colours.text, 2);
    if (this.pointed || document.activeElement === this.place) ring(this.at, this.colours.text, 2);
  }

  failedCells() {
    const found = [];
    const { failed, steps } = this.bits;
    for (let at = 0; at < failed.length && found.length <= MARKED; at++) {
      if (!failed[at]) continue;
      for (let unit = steps === 1 ? at * 8 : at, i = 0; i < (steps === 1 ? 8 : 1); i++, unit++) {
        if (steps > 1 || (this.bits.hasFailed(unit) && !this.bits.isDone(unit))) {
          found.push(Math.floor(unit / this.grid.stands));
        }
      }
    }
    return found.length > MARKED ? [] : found;
  }

  point(event) {
    if (!this.grid) return;
    const { columns, size } = this.grid;
    const box = this.map.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) * devicePixelRatio) / size);
    const row = Math.floor(((event.clientY - box.top) * devicePixelRatio) / size);
    const cell = row * columns + column;
    if (column < 0 || column >= columns || row < 0 || cell > this.last) return;
    this.pointed = true;
    this.read(cell);
    this.remark();
  }

  key(event) {
    if (!this.grid) return;
    const { columns } = this.grid;
    const moves = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: columns,
      ArrowUp: -columns,
      PageDown: 10 * columns,
      PageUp: -10 * columns,
      Home: -Infinity,
      End: Infinity,
    };
    if (!(event.key in moves) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.read(Math.max(0, Math.min(this.last, this.at + moves[event.key])));
    this.remark();
  }

  /** Say what the cell is. */
  read(cell) {
    if (!this.grid) return;
    this.at = cell;
    const text = this.words(cell);
    if (this.reading.textContent === text) return;
    this.reading.textContent = text;
    this.place.setAttribute("aria-valuenow", String(cell));
    this.place.setAttribute("aria-valuetext", text);
  }

  words(cell) {
    const { stands } = this.grid;
    const { count, steps } = this.bits;
    if (stands * steps === 1) {
      return cell === count ? `Bit ${numbers.format(cell)}: the end marker` : `Step ${numbers.format(cell)}: ${this.stateOf(cell)}`;
    }
    const [first, after] = this.unitsOf(cell);
    const share = this.bits.share(first, after);
    const words = `Steps ${numbers.format(first * steps)} to ${numbers.format(Math.min(after * steps, count) - 1)}: ${percent(share.done)} done`;
    const failed = share.failed ? `, ${percent(share.failed)} failed` : "";
    return words + failed + (cell === this.last ? "; and the end marker" : "");
  }
}

function percent(share) {
  if (share === 0 || share === 1) return `${100 * share} %`;
  return `${Math.min(99, Math.max(1, Math.round(100 * share)))} %`;
}

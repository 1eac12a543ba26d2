// The colours of cells and their shapes. No state is told by its hue alone: done is filled, missing is hollow
// or faint, failed is crossed or marked, the end marker is a flag.

const HOLLOW = 10; // pixels from which on a missing cell is an outline: smaller ones would be a moiré

/** The colours as the style sheet has them now, as text and as the canvas keeps a pixel. */
export function palette(place) {
  const style = getComputedStyle(place);
  const colours = { text: style.color, packed: {}, rgb: {} };
  for (const state of ["missing", "faint", "edge", "done", "failed", "end"]) {
    colours[state] = style.getPropertyValue(`--cell-${state}`).trim();
    colours.rgb[state] = parsed(colours[state]);
    colours.packed[state] = pack(colours.rgb[state]);
  }
  return colours;
}

function parsed(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function pack([red, green, blue]) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** A cell that stands for many: the fuller, the nearer to done; what has failed shows at any share. */
export function mixed({ rgb }, done, failed) {
  const shown = done > 0 && done < 1 ? 0.12 + 0.76 * done : done;
  let colour = rgb.missing.map((from, i) => from + (rgb.done[i] - from) * shown);
  if (failed > 0) {
    const share = 0.5 + failed / 2;
    colour = colour.map((from, i) => from + (rgb.failed[i] - from) * share);
  }
  return pack(colour.map(Math.round));
}

export function drawCell(pen, state, x, y, size, colours) {
  const gap = Math.max(1, Math.round(size * 0.12));
  const inner = size - gap;
  pen.clearRect(x, y, size, size);
  if (state === "missing" && size < HOLLOW) {
    pen.fillStyle = colours.faint;
    pen.fillRect(x, y, inner, inner);
    return;
  }
  if (state === "missing") {
    pen.fillStyle = colours.edge;
    pen.fillRect(x, y, inner, inner);
    const line = Math.max(1, Math.round(size / 14));
    pen.fillStyle = colours.missing;
    pen.fillRect(x + line, y + line, inner - 2 * line, inner - 2 * line);
    return;
  }
  pen.fillStyle = colours[state];
  pen.fillRect(x, y, inner, inner);
  if (state === "failed") cross(pen, x, y, inner, colours.missing);
  if (state === "end") flag(pen, x, y, inner, colours.missing);
}

function cross(pen, x, y, side, colour) {
  const [low, high] = [side * 0.25, side * 0.75];
  pen.strokeStyle = colour;
  pen.lineWidth = Math.max(1, side / 7);
  pen.beginPath();
  pen.moveTo(x + low, y + low);
  pen.lineTo(x + high, y + high);
  pen.moveTo(x + high, y + low);
  pen.lineTo(x + low, y + high);
  pen.stroke();
}

function flag(pen, x, y, side, colour) {
  pen.fillStyle = colour;
  pen.fillRect(x + side * 0.28, y + side * 0.2, Math.max(1, side * 0.1), side * 0.6);
  pen.beginPath();
  pen.moveTo(x + side * 0.38, y + side * 0.2);
  pen.lineTo(x + side * 0.78, y + side * 0.36);
  pen.lineTo(x + side * 0.38, y + side * 0.52);
  pen.fill();
}

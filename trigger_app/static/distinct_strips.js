// The bitmaps of an expression's parts along the ids, one below the other, and overlaid.

/** The bytes of a strip, one a cell. */
function cells(canvas) {
  return Uint8Array.from(atob(canvas.dataset.shades), (letter) => letter.charCodeAt(0));
}

function paint(canvas, strips, mode) {
  canvas.width = Math.max(...strips.map(({ shades }) => shades.length));
  canvas.height = 1;
  const context = canvas.getContext("2d");
  context.globalCompositeOperation = mode;
  for (const { shades, colour } of strips) {
    context.fillStyle = colour;
    shades.forEach((shade, at) => {
      context.globalAlpha = shade / 255;
      if (shade) context.fillRect(at, 0, 1, 1);
    });
  }
}

function drawSegment(list, dark) {
  const colours = getComputedStyle(list);
  const parts = [];
  for (const canvas of list.querySelectorAll("[data-shades]")) {
    const strip = { shades: cells(canvas), colour: colours.getPropertyValue(`--part-${canvas.dataset.part}`) };
    paint(canvas, [strip], "source-over");
    if (canvas.dataset.part !== "0") parts.push(strip);
  }
  const over = list.querySelector(".over");
  if (over) paint(over, parts, dark ? "screen" : "multiply");
}

/** Draw them, and again when the colour scheme changes. */
export function drawStrips() {
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const draw = () => document.querySelectorAll(".strips").forEach((list) => drawSegment(list, scheme.matches));
  draw();
  scheme.addEventListener("change", draw);
}

// How many cells fit into the room there is, and how large each is.

const LARGEST_CSS = 26; // px of a cell
const HIGHEST = 0.72; // of the window
const HIGHEST_SCROLLED = 1.6;
const LOWEST_CSS = 240;

/**
 * The grid for so many units: `columns` and `rows`, the `size` of a cell in device pixels, how many units it
 * `stands` for, and how many `cells` that makes.
 */
export function layout(units, widthCss, windowHeightCss, ratio) {
  const width = Math.max(32, Math.floor(widthCss * ratio));
  const height = Math.floor(Math.max(LOWEST_CSS, windowHeightCss * HIGHEST) * ratio);
  for (let size = Math.floor(LARGEST_CSS * ratio); size >= 1; size--) {
    const columns = Math.min(Math.floor(width / size), units);
    const rows = Math.ceil(units / columns);
    if (rows * size <= height) return { columns, rows, size, stands: 1, cells: units };
  }
  // Better a pixel each and some scrolling than several to a cell, up to a point.
  const single = Math.ceil(units / width) <= HIGHEST_SCROLLED * windowHeightCss * ratio;
  const stands = single ? 1 : Math.ceil(units / (width * height));
  const cells = Math.ceil(units / stands);
  return { columns: width, rows: Math.ceil(cells / width), size: 1, stands, cells };
}

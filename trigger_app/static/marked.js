// The steps that a page is about, such as those of one error: marked on the bitmap.

/** Return the cells of a grid that hold a step of its `data-marked`, ranges of steps without their ends. */
export function markedCells(grid) {
  const marked = JSON.parse(grid.place.dataset.marked ?? "[]");
  const steps = grid.grid.stands * grid.bits.steps;
  const cells = new Set();
  for (const [first, after] of marked) {
    for (let cell = Math.floor(first / steps); cell <= Math.floor((after - 1) / steps) && cells.size < MOST; cell++) {
      cells.add(cell);
    }
  }
  return cells;
}

const MOST = 2000; // more would be a map of marks

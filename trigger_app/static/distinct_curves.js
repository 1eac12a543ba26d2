// The curves of the last days, drawn once, from the numbers in the table below them.

const HEIGHT_CSS = 300;
const DAY = 86400; // seconds
const TICKS = [1, 2, 3, 4, 5, 6, 7, 10, 15, 30, 60].map((days) => days * DAY); // shorter ones would repeat a day's label
const LINES = [
  { label: "Daily active", colour: "--curve-day", width: 1.5 },
  { label: "Weekly active", colour: "--curve-week", width: 2, dash: [6, 4] },
  { label: "Monthly active", colour: "--curve-month", width: 2.5 },
];
const numbers = new Intl.NumberFormat("en");
const numberOf = (text) => (text === "–" ? null : Number(text.replaceAll(",", "")));
const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);

/** Seconds since the epoch and the three numbers of each day, each a column, the earliest day first. */
function columns(table) {
  const rows = [...table.tBodies[0].rows].toReversed();
  const days = rows.map((row) => Date.parse(row.cells[0].textContent) / 1000);
  return [days, ...LINES.map((_, line) => rows.map((row) => numberOf(row.cells[line + 1].textContent)))];
}

function axis(colours, more) {
  const grid = { stroke: colours.getPropertyValue("--curve-grid"), width: 1 };
  return { stroke: colours.getPropertyValue("--pico-muted-color"), grid, ticks: grid, font: "12px system-ui, sans-serif", ...more };
}

/** The places of numbers that have none on either side: no line leads to them. */
function lone(values) {
  const isThere = (at) => (values[at] ?? null) !== null;
  return [...values.keys()].filter((at) => isThere(at) && !isThere(at - 1) && !isThere(at + 1));
}

/** Where nobody points at a day, the legend has the last one's numbers. */
function showLast(plot) {
  if (plot.legend.idx === null) plot.setLegend({ idx: plot.data[0].length - 1 }, false);
}

function options(place, width) {
  const colours = getComputedStyle(place);
  const lines = LINES.map(({ label, colour, width: thick, dash }) => ({
    label,
    stroke: colours.getPropertyValue(colour),
    width: thick,
    dash,
    points: { show: false, filter: (plot, of) => lone(plot.data[of]), size: 8, fill: colours.getPropertyValue(colour) },
    value: (_, value) => (value === null ? "–" : numbers.format(value)),
  }));
  return {
    width,
    height: HEIGHT_CSS,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    scales: { y: { range: (_, __, most) => [0, Math.max(most * 1.05, 1)] } },
    series: [{ label: "Day", value: (_, seconds) => (seconds === null ? "–" : day(seconds)) }, ...lines],
    axes: [
      axis(colours, { values: (_, all) => all.map(day), incrs: TICKS, space: 80 }),
      axis(colours, { values: (_, all) => all.map((value) => (Number.isInteger(value) ? numbers.format(value) : "")), size: 60 }),
    ],
    cursor: { drag: { x: false, y: false } },
    legend: { markers: { width: 0, fill: (plot, line) => plot.series[line].stroke() } },
    hooks: { setLegend: [showLast] },
  };
}

/** Draw them where there is anything to draw; again when the colour scheme changes, and as wide as there is room. */
export function drawCurves() {
  const place = document.querySelector("#curves");
  if (!place) return;
  const data = columns(document.querySelector("#days table"));
  let drawn = null;
  const draw = () => {
    drawn?.destroy();
    drawn = new uPlot(options(place, place.clientWidth), data, place);
    // One day alone stands in the middle, a point a line: uPlot would show it at the left of a thousand.
    if (data[0].length === 1) drawn.setScale("x", { min: data[0][0] - DAY, max: data[0][0] + DAY });
    showLast(drawn);
  };
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => {
    if (drawn.width !== place.clientWidth) drawn.setSize({ width: place.clientWidth, height: HEIGHT_CSS });
  }).observe(place);
}

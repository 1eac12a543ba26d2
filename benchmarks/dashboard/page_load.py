"""Each view in a real browser, beside 1000 ended and 20 running tasks and 400 days of 100,000 users."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from urllib.request import urlopen

from selenium.webdriver import Chrome

from benchmarks.dashboard.browser import NONE_HERE, is_here, own_browser
from benchmarks.dashboard.ground import EVENT, lay_tasks, lay_visits
from benchmarks.figures import Figure, bounded, duration
from benchmarks.own_stack import Stack, own_stack
from benchmarks.waiting import wait_until

LOADS, BOUND = 15, 1.0

# Moments are milliseconds since the navigation began. Something drawn is seen in the frame after it.
STAMPS = """
const seen = { drawn: null, live: null };
function look() {
  const there = sessionStorage.selectors?.split("\\n").every((one) => document.querySelector(one));
  if (there) setTimeout(() => { seen.drawn = performance.now(); });
  else requestAnimationFrame(look);
}
requestAnimationFrame(look);
window.EventSource = class extends EventSource {
  constructor(path) {
    super(path);
    this.addEventListener("message", () => { seen.live ??= performance.now(); });
  }
};
window.benchmark = () => {
  const loaded = performance.getEntriesByType("navigation")[0].loadEventEnd;
  const painted = performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
  const all = [loaded, painted, seen.drawn, seen.live];
  return all.every(Boolean) ? [Math.max(loaded, painted, seen.drawn), seen.live] : null;
};
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """A view, and what is there once it has said all it has to say."""

    name: str
    path: str
    selectors: tuple[str, ...]


VIEWS = (
    Opened("Tasks", "/", ("#running li:nth-child(20)", "#ended li:nth-child(20)")),
    Opened(
        "Users",
        f"/distinct?event={EVENT}",
        ("#curves canvas", ".heat tr:nth-child(12)", ".stack", ".bars"),
    ),
    Opened("Workers", "/workers", (".worker .processes li", "#log li")),
)


@dataclass(frozen=True, slots=True)
class Load:
    """Seconds until all is loaded, painted and drawn, and until the stream's first message."""

    shown: float
    live: float


def measure() -> list[Figure]:
    """Medians; and the first load of all: a service just started, and a browser that was never there."""
    if not is_here():
        return NONE_HERE
    with own_stack() as stack, own_browser(STAMPS) as chrome:
        lay_tasks(stack)
        lay_visits(stack)
        return [figure for view in VIEWS for figure in of_view(chrome, stack, view)]


def of_view(chrome: Chrome, stack: Stack, view: Opened) -> list[Figure]:
    first, *loads = (load(chrome, stack, view) for _ in range(1 + LOADS))
    shown = [one.shown for one in loads]
    return [
        bounded(f"{view.name}: loaded, painted and drawn, median", median(shown), at_most=BOUND),
        bounded("the same, the slowest", max(shown), at_most=BOUND),
        bounded("the same, for the first time", first.shown, at_most=BOUND),
        Figure("first message of its stream, median", duration(median(one.live for one in loads))),
        Figure("the server alone, for its page, median", duration(served(stack.trigger + view.path))),
    ]


def load(chrome: Chrome, stack: Stack, view: Opened) -> Load:
    chrome.get(f"{stack.trigger}/static/icon.svg")  # a page of the same origin that asks for nothing
    chrome.execute_script("sessionStorage.selectors = arguments[0]", "\n".join(view.selectors))
    chrome.get(stack.trigger + view.path)
    moments: list[list[float]] = []

    def is_shown() -> bool:
        if found := chrome.execute_script("return benchmark()"):
            moments.append(found)
        return bool(found)

    wait_until(is_shown)
    shown_ms, live_ms = moments[0]
    return Load(shown_ms / 1000, live_ms / 1000)


def served(url: str) -> float:
    """Seconds from the request to the last byte of the page."""
    taken = []
    for _ in range(LOADS):
        began = time.perf_counter()
        with urlopen(url) as answer:  # noqa: S310  # our own service
            answer.read()
        taken.append(time.perf_counter() - began)
    return median(taken)

"""Frames a second of an opened task of 10^6 steps in a real browser, from its first cell to its last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from selenium.webdriver import Chrome

from benchmarks.dashboard import steps
from benchmarks.dashboard.browser import NONE_HERE, is_here, own_browser
from benchmarks.figures import Figure, duration
from benchmarks.own_stack import Stack, own_stack
from benchmarks.waiting import wait_until

COUNT = 1_000_000
FILLINGS = {"0.1 ms": ("short", {"sleep_us": 100}), "nothing": ("demo", {"sleep_ms": 0})}
FRAMES_A_SECOND = 50
LATE_MS = 40.0

# The moment of each frame from the one on in which the grid is laid out, until all is done and drawn.
STAMPS = """
window.frames_ms = [];
window.filled = false;
let rest = 30;
requestAnimationFrame(function frame(now) {
  if (document.querySelector("#cells")?.dataset.columns) frames_ms.push(now);
  if (document.querySelector(".facts")?.dataset.state === "done") rest--;
  if (rest) requestAnimationFrame(frame);
  else filled = true;
});
"""


@dataclass(frozen=True, slots=True)
class Frames:
    """The moments of the frames, in ms."""

    at: npt.NDArray[np.float64]

    @property
    def seconds(self) -> float:
        return float(self.at[-1] - self.at[0]) / 1000

    @property
    def a_second(self) -> float:
        return (len(self.at) - 1) / self.seconds

    @property
    def late(self) -> float:
        """Which share of the frames came more than LATE_MS after the one before."""
        return float(np.mean(np.diff(self.at) > LATE_MS))

    @property
    def fewest_in_a_second(self) -> int:
        """Of all seconds that lie within, the one with the fewest."""
        starts = self.at[self.at <= self.at[-1] - 1000]
        ends = np.searchsorted(self.at, starts + 1000, "left")
        return int(np.min(ends - np.arange(len(starts)))) if len(starts) else len(self.at)


def measure() -> list[Figure]:
    """Steps that take a little, so that it fills for a while beside two busy cores; and no-op steps."""
    if not is_here():
        return NONE_HERE
    with own_stack(JOBS=steps.JOBS) as stack, own_browser(STAMPS) as chrome:
        found = {name: watched(chrome, stack, *filling) for name, filling in FILLINGS.items()}
    return [figure for name, frames in found.items() for figure in of_filling(name, frames)]


def of_filling(name: str, frames: Frames) -> list[Figure]:
    return [
        at_least(f"steps of {name}, filled within {duration(frames.seconds)}: frames", frames.a_second),
        at_least("the same, in its slowest second", frames.fewest_in_a_second),
        Figure(f"the same, frames later than {LATE_MS:g} ms", f"{100 * frames.late:.2g} %"),
    ]


def at_least(what: str, a_second: float) -> Figure:
    holds = a_second >= FRAMES_A_SECOND
    return Figure(what, f"{a_second:.3g}/s", bound=f"{FRAMES_A_SECOND}/s", holds=holds)


def watched(chrome: Chrome, stack: Stack, job: str, params: dict[str, int]) -> Frames:
    """Opened as soon as it is started, from the view of tasks."""
    chrome.get(stack.trigger)
    chrome.get(f"{stack.trigger}/tasks/{stack.start(COUNT, job, params)}")
    wait_until(lambda: chrome.execute_script("return filled"), 120, every_seconds=0.5)
    return Frames(np.array(chrome.execute_script("return frames_ms")))

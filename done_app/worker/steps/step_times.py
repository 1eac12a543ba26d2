"""How long the steps of a run took, gathered at next to no cost for those that take next to no time."""

from __future__ import annotations

import bisect

from donebit.completion.measures import STEP_TIMES

BOUNDS = STEP_TIMES.bounds_seconds
QUICK_SECONDS = BOUNDS[0]  # less than this is all that is known of a quick step


class StepTimes:
    """Durations of steps that were done, sorted into the buckets of the metric."""

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0  # of all of them together

    def add(self, seconds: float) -> None:
        """Add a step."""
        self.buckets[bisect.bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    def add_quick(self, steps: int, seconds: float) -> None:
        """Add steps of which each took less than QUICK_SECONDS, and all of them `seconds` together."""
        self.buckets[0] += steps
        self.seconds += seconds if steps else 0.0

"""Steps as half-open ranges."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_RANGES_PER_REPORT = 500  # from quick steps that are not adjacent: at most 2 ms of the server

Range = tuple[int, int]


@dataclass(slots=True)
class StepRanges:
    """Steps as half-open ranges, in the order they were added."""

    ranges: list[Range] = field(default_factory=list)

    def add(self, start: int, stop: int) -> None:
        if start == stop:
            return
        if self.ranges and self.ranges[-1][1] == start:
            self.ranges[-1] = (self.ranges[-1][0], stop)
        else:
            self.ranges.append((start, stop))

    @property
    def is_full(self) -> bool:
        """Whether one report should hold no more ranges."""
        return len(self.ranges) >= MAX_RANGES_PER_REPORT

    def __len__(self) -> int:
        return sum(stop - start for start, stop in self.ranges)

"""Distinct users of each day, and of windows of days, for a page that is looked at again and again.

To count a window takes as many bitmaps as it has days, and nearly all windows that a page draws are over.
So what each has in a segment is kept, with the sum of its days' users, which are counted each time. Bits are
only ever set: while the sum is the same, so is the window. Scripts that clear bits, of an erased user or of
days that are taken back, drop what is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from donebit.activity.analytics.series import window_scripts
from donebit.activity.sets import algebra
from donebit.store import Store, kept_windows
from donebit.store.bitmaps import Bitmap
from donebit.store.kept_windows import SegmentDays
from donebit.store.matrices import Windows


class Window(NamedTuple):
    """Some successive days.

    Attributes:
        last: the place of the last of them
        width: how many there are
    """

    last: int
    width: int


class DayCounts(NamedTuple):
    """Distinct users of each day, and of each window."""

    users: list[int]
    windows: dict[Window, int]


@dataclass(frozen=True, slots=True)
class SegmentCounts:
    """The days of one segment, and its windows as far as they are known.

    Attributes:
        number: of the segment
        there: which of the days have it
        sums: the users of the days before each day, added up; of all days at the end
        days: as they were read
        known: users of windows
    """

    number: int
    there: Sequence[bool]
    sums: Sequence[int]
    days: SegmentDays
    known: dict[Window, int]

    def users(self, day: int) -> int:
        """The users of a day."""
        return self.sums[day + 1] - self.sums[day]

    def visits(self, window: Window) -> int:
        """The sum of its days' users."""
        return self.sums[window.last + 1] - self.sums[window.last + 1 - window.width]

    def take_kept(self, windows: Iterable[Window], names: Mapping[Window, str]) -> None:
        """Know the windows that are kept, if they are as they were, and those without users."""
        for window in windows:
            visits = self.visits(window)
            kept_visits, users = self.days.windows.get(names[window], (0, 0))
            if kept_visits == visits:
                self.known[window] = users


def count_windows(store: Store, days: Sequence[Bitmap], windows: Sequence[Window]) -> DayCounts:
    """Count the distinct users of each day and of each window.

    Args:
        days: successive ones of one event.
        windows: ascending by their last days.
    """
    names = {window: f"{days[window.last].period}/{window.width}" for window in windows}
    segments = read_segments(store, days)
    for segment in segments:
        segment.take_kept(windows, names)
    incomplete = [segment for segment in segments if len(segment.known) < len(windows)]
    count_missing(store, days, incomplete, windows)
    keep(store, days, incomplete, names)
    return DayCounts(
        [sum(segment.users(day) for segment in segments) for day in range(len(days))],
        {window: sum(segment.known[window] for segment in segments) for window in windows},
    )


def read_segments(store: Store, days: Sequence[Bitmap]) -> list[SegmentCounts]:
    """Every segment that a day has, with its days counted."""
    held = algebra.segments_of(store, days)
    there = {
        number: [number in held[day] for day in days] for number in sorted(frozenset().union(*held.values()))
    }
    names = {
        number: [str(day.period) for day, is_there in zip(days, of_days, strict=True) if is_there]
        for number, of_days in there.items()
    }
    found = store.kept_windows.read(days[0].name, names) if names else []
    return [
        SegmentCounts(number, of_days, summed(of_days, segment.users), segment, {})
        for (number, of_days), segment in zip(there.items(), found, strict=True)
    ]


def summed(there: Sequence[bool], users: Sequence[int]) -> list[int]:
    """The users of the days before each day, and of all.

    Args:
        users: of those days alone that are there
    """
    of_days = iter(users)
    return list(accumulate((next(of_days) if is_there else 0 for is_there in there), initial=0))


def count_missing(
    store: Store, days: Sequence[Bitmap], segments: Sequence[SegmentCounts], windows: Sequence[Window]
) -> None:
    """Count the windows that segments do not know yet."""
    scripts = [
        (segment, first, script)
        for segment in segments
        for first, script in missing_scripts(segment, days, windows)
    ]
    answers = store.matrices.rolling_counts([script for _, _, script in scripts])
    for (segment, first, script), counts in zip(scripts, answers, strict=True):
        for last, users in enumerate(counts, first + script.width - 1):
            segment.known[Window(last, script.width)] = users


def missing_scripts(
    segment: SegmentCounts, days: Sequence[Bitmap], windows: Sequence[Window]
) -> Iterator[tuple[int, Windows]]:
    """(place of its first day, some windows), for all windows that a segment does not know yet."""
    for width in {window.width for window in windows}:
        for first, stop in runs(
            one.last for one in windows if one.width == width and one not in segment.known
        ):
            start = first - width + 1
            parts = window_scripts(segment.number, days[start:stop], segment.there[start:stop], width)
            yield from ((start + place, script) for place, script in parts)


def runs(places: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending numbers as half open ranges."""
    start = stop = 0
    for place in places:
        if place != stop:
            if stop > start:
                yield start, stop
            start = place
        stop = place + 1
    if stop > start:
        yield start, stop


def keep(
    store: Store, days: Sequence[Bitmap], segments: Sequence[SegmentCounts], names: Mapping[Window, str]
) -> None:
    """Keep what was counted of segments that have many users."""
    store.kept_windows.keep_windows(
        days[0].name,
        {
            segment.number: (
                segment.days.generation,
                {name: (segment.visits(window), segment.known[window]) for window, name in names.items()},
            )
            for segment in segments
            if segment.days.generation is not None and segment.sums[-1] >= kept_windows.KEPT_FROM
        },
    )

"""How many steps and tasks were done and failed in the last day and month, in buckets of time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from donebit import clock
from donebit.completion.measures import ENDS, FAILURES, STEPS, Tally, figure_name
from donebit.completion.state import State
from donebit.store import Store
from donebit.store.throughput import Bucket

SECOND = timedelta(seconds=1)


class Range(NamedTuple):
    """A range of time up to now, and into how many buckets of which length it is cut."""

    name: str
    bucket: timedelta
    buckets: int

    def starts(self, now: datetime) -> list[int]:
        """When each of its buckets begins, in seconds since the epoch; the last one is not over."""
        length = self.bucket // SECOND
        last = (now - clock.EPOCH) // self.bucket * length
        return [last - length * ago for ago in reversed(range(self.buckets))]

    def current(self, now: datetime) -> tuple[Bucket, int]:
        """The bucket that is not over, and when it is forgotten, in seconds since the epoch."""
        length, start = self.bucket // SECOND, self.starts(now)[-1]
        return Bucket(length, start), start + length * (self.buckets + 1)


RANGES: Final = {
    one.name: one for one in (Range("24h", timedelta(minutes=10), 144), Range("30d", timedelta(hours=6), 120))
}


@dataclass(frozen=True, slots=True)
class Throughput:
    """What was done and failed in one bucket of time."""

    start: datetime
    steps_done: int = 0  # by workers
    steps_failed: int = 0  # that workers gave up
    tasks_done: int = 0
    tasks_failed: int = 0
    tasks_cancelled: int = 0


# Which figure of a tally is added to which field.
FIELDS: Final = {
    figure_name(STEPS): "steps_done",
    figure_name(FAILURES): "steps_failed",
    **{figure_name(ENDS, end): f"tasks_{end}" for end in (State.DONE, State.FAILED, State.CANCELLED)},
}


def add_tally(store: Store, tally: Tally) -> None:
    """Add what matters here of a tally to the present bucket of each range.

    Raises:
        StoreUnavailable: perhaps added; it must not be added again.
    """
    counts: Counter[str] = Counter()
    for name, _, amount in tally:
        if name in FIELDS:
            counts[FIELDS[name]] += amount
    if counts:
        now = clock.now()
        store.throughput.add(counts, [one.current(now) for one in RANGES.values()])


def read_throughput(store: Store, of: Range, now: datetime) -> list[Throughput]:
    """Every bucket of a range, oldest first.

    Raises:
        StoreUnavailable: the server cannot be reached.
    """
    starts, length = of.starts(now), of.bucket // SECOND
    counted = store.throughput.counts([Bucket(length, start) for start in starts])
    return [_as_throughput(start, one) for start, one in zip(starts, counted, strict=True)]


def _as_throughput(start: int, counted: dict[str, int]) -> Throughput:
    known = {field: counted[field] for field in FIELDS.values() if field in counted}
    return Throughput(clock.EPOCH + start * SECOND, **known)

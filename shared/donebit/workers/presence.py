"""The workers: who is alive, what each is at, how fast it goes, and what had to be healed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from donebit import clock
from donebit.store import Store

SHOWS_EVERY = timedelta(seconds=5)  # a worker shows itself at least so often
# Three signs missed: a worker that is merely busy, or whose Redis was away for a moment, is not gone.
SILENT_AFTER = SHOWS_EVERY * 3
FORGOTTEN_AFTER = timedelta(minutes=10)
THROUGHPUT_SECONDS = 60
LAST_HEALS = 5

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class AtWork:
    """What one process of a worker is at."""

    pid: int
    task_id: str | None  # None: it waits for work
    ranges: tuple[Range, ...] = ()  # of steps, half open, the first few; none: it fans the task out
    steps: int = 0  # in all its ranges
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker, as it last showed itself."""

    name: str
    host: str
    pid: int
    processes: int  # how many it may have
    queues: Sequence[str]  # that it takes from
    since: datetime
    last_seen: datetime
    at: Sequence[AtWork]  # its processes, by pid

    def alive(self, now: datetime) -> bool:
        """Whether it showed itself lately. One that ended in order is not there at all any more."""
        return now - self.last_seen < SILENT_AFTER

    def written(self) -> str:
        """As it is kept."""
        how = {
            "host": self.host,
            "pid": self.pid,
            "processes": self.processes,
            "queues": list(self.queues),
            "since": clock.ms_since_epoch(self.since),
            "seen": clock.ms_since_epoch(self.last_seen),
            "at": [[one.pid, one.task_id, list(one.ranges), one.steps, _ms(one.since)] for one in self.at],
        }
        return json.dumps(how)

    @classmethod
    def read(cls, name: str, written: str) -> Worker:
        """Raises KeyError, TypeError or ValueError for what no worker of this version wrote."""
        how = json.loads(written)
        return cls(
            name=name,
            host=how["host"],
            pid=how["pid"],
            processes=how["processes"],
            queues=how["queues"],
            since=clock.moment_of_ms(how["since"]),
            last_seen=clock.moment_of_ms(how["seen"]),
            at=[_at(*one) for one in how["at"]],
        )


@dataclass(frozen=True, slots=True)
class Heal:
    """Missing steps of a task that were sent again."""

    task_id: str
    at: datetime
    steps: int


@dataclass(frozen=True, slots=True)
class Presence:
    """The workers at one moment."""

    workers: Sequence[Worker]  # those seen within ten minutes, the longest there first
    queues: Mapping[str, int]  # messages waiting
    in_hand: int | None  # messages that workers have taken and not finished; None: it cannot be seen
    steps_by_second: Sequence[int]  # of the last full 60 seconds, the oldest first
    last_sweep: datetime | None
    open_tasks: int
    heals: int  # within a day
    last_heals: Sequence[Heal]  # the newest first

    @property
    def steps_per_second(self) -> float:
        """The mean over the last minute."""
        return sum(self.steps_by_second) / THROUGHPUT_SECONDS


def look(store: Store, queues: Sequence[str], now: datetime) -> Presence:
    """The workers now.

    Args:
        queues: none when the broker is elsewhere, and the store cannot see it
    """
    shown = store.workers.read_reports(queues, clock.ms_since_epoch(now), LAST_HEALS)
    this_second = int(now.timestamp())
    seconds = range(this_second - THROUGHPUT_SECONDS, this_second)
    return Presence(
        workers=sorted(remembered(shown.workers, now), key=lambda one: (one.since, one.name)),
        queues=dict(zip(queues, shown.queues, strict=True)),
        in_hand=shown.in_hand if queues else None,
        steps_by_second=[shown.steps.get(second, 0) for second in seconds],
        last_sweep=None if shown.sweep_ms is None else clock.moment_of_ms(shown.sweep_ms),
        open_tasks=shown.open_tasks,
        heals=shown.healed,
        last_heals=[_heal(written) for written in shown.heals],
    )


def remembered(shown: Mapping[str, str], now: datetime) -> Iterator[Worker]:
    """Those that can be read and were seen within ten minutes."""
    for name, written in shown.items():
        try:
            worker = Worker.read(name, written)
        except (KeyError, TypeError, ValueError):
            continue
        if now - worker.last_seen < FORGOTTEN_AFTER:
            yield worker


def forget_the_long_gone(store: Store, now: datetime) -> None:
    """Drop who was not seen for ten minutes."""
    shown = store.workers.shown()
    kept = {worker.name for worker in remembered(shown, now)}
    store.workers.forget([name for name in shown if name not in kept])


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else clock.ms_since_epoch(moment)


def _at(pid: int, task_id: str | None, ranges: Any, steps: int, since_ms: int | None) -> AtWork:
    since = None if since_ms is None else clock.moment_of_ms(since_ms)
    return AtWork(pid, task_id, tuple((start, stop) for start, stop in ranges), steps, since)


def _heal(written: str) -> Heal:
    task_id, ms, steps = written.rsplit(":", 2)  # a task's id has no colon
    return Heal(task_id, clock.moment_of_ms(int(ms)), int(steps))

"""The workers: which are alive, what each one runs, throughput, and recent heals."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from donebit import clock
from donebit.store import Store

HEARTBEAT_EVERY = timedelta(seconds=2)  # a worker saves its state at least this often
# Three missed heartbeats: a worker that is busy, or whose Redis was unavailable for a moment, is alive.
SILENT_AFTER = HEARTBEAT_EVERY * 3
DROPPED_AFTER = timedelta(minutes=10)
THROUGHPUT_SECONDS = 60
SKEW_SHOWN = timedelta(seconds=15)  # after the last time that a worker has said it
LAST_HEALS = 5

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ProcessActivity:
    """What one process of a worker runs."""

    pid: int
    task_id: str | None  # None: it is idle
    ranges: tuple[Range, ...] = ()  # of steps, half open, the first few; empty: it fans the task out
    steps: int = 0  # in all its ranges
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker as it last saved its state."""

    name: str  # <host>:<pid>-<random>: containers may share a host name, and each has a process 1
    host: str
    pid: int
    processes: int  # the size of its pool
    queues: Sequence[str]  # that it consumes
    since: datetime
    last_seen: datetime
    activities: Sequence[ProcessActivity]  # its processes, by pid
    jobs: Sequence[str] | None = None  # that it can run; None for a worker of an earlier version

    def alive(self, now: datetime) -> bool:
        """Whether it has saved its state within 6 seconds. A worker that shut down is not listed at all.

        One that was seen later than now has not, since the server's clock was set back.
        """
        return abs(now - self.last_seen) < SILENT_AFTER

    def to_json(self) -> str:
        """The worker as JSON, as Redis holds it."""
        fields = {
            "host": self.host,
            "pid": self.pid,
            "processes": self.processes,
            "queues": list(self.queues),
            "since": clock.ms_since_epoch(self.since),
            "seen": clock.ms_since_epoch(self.last_seen),
            "at": [
                [one.pid, one.task_id, list(one.ranges), one.steps, _ms(one.since)] for one in self.activities
            ],
            "jobs": None if self.jobs is None else list(self.jobs),
        }
        return json.dumps(fields)

    @classmethod
    def from_json(cls, name: str, text: str) -> Worker:
        """The worker that `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: no worker of this version wrote the text.
        """
        fields = json.loads(text)
        return cls(
            name=name,
            host=fields["host"],
            pid=fields["pid"],
            processes=fields["processes"],
            queues=fields["queues"],
            since=clock.moment_of_ms(fields["since"]),
            last_seen=clock.moment_of_ms(fields["seen"]),
            activities=[_activity(*one) for one in fields["at"]],
            jobs=fields.get("jobs"),
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

    workers: Sequence[Worker]  # those seen within ten minutes, longest running first
    queues: Mapping[str, int]  # messages waiting
    in_hand: int | None  # messages in progress; None: unknown, as the broker is another server
    steps_by_second: Sequence[int]  # of the last full 60 seconds, oldest first
    last_sweep: datetime | None
    open_tasks: int
    heals: int  # within a day
    last_heals: Sequence[Heal]  # newest first

    @property
    def steps_per_second(self) -> float:
        """The mean over the last minute."""
        return sum(self.steps_by_second) / THROUGHPUT_SECONDS


def read_presence(
    store: Store, queues: Sequence[str], now: datetime, elsewhere: Mapping[str, int] | None = None
) -> Presence:
    """Read the state of all workers.

    Args:
        queues: whose lengths to read; empty when the broker is another server.
        elsewhere: the lengths of the queues then; None when that broker does not say.
    """
    found = store.workers.read_reports(queues, clock.ms_since_epoch(now), LAST_HEALS)
    this_second = int(now.timestamp())
    seconds = range(this_second - THROUGHPUT_SECONDS, this_second)
    return Presence(
        workers=sorted(recent_workers(found.workers, now), key=lambda one: (one.since, one.name)),
        queues=dict(zip(queues, found.queues, strict=True)) or elsewhere or {},
        in_hand=found.in_hand if queues else None,
        steps_by_second=[found.steps.get(second, 0) for second in seconds],
        last_sweep=None if found.sweep_ms is None else clock.moment_of_ms(found.sweep_ms),
        open_tasks=found.open_tasks,
        heals=found.healed,
        last_heals=[_heal(written) for written in found.heals],
    )


def recent_workers(saved: Mapping[str, str], now: datetime) -> Iterator[Worker]:
    """The workers whose state can be read and was saved within ten minutes.

    Args:
        saved: each worker's state as JSON, by name.
    """
    for name, text in saved.items():
        try:
            worker = Worker.from_json(name, text)
        except (KeyError, TypeError, ValueError):
            continue
        if abs(now - worker.last_seen) < DROPPED_AFTER:
            yield worker


def live_workers(store: Store, now: datetime) -> list[Worker]:
    """The workers that are alive."""
    return [worker for worker in recent_workers(store.workers.shown(), now) if worker.alive(now)]


def jobs_of(live: Sequence[Worker]) -> frozenset[str] | None:
    """The jobs that some live worker has; None when no worker is alive, or one does not say what it has."""
    jobs = [worker.jobs for worker in live]
    if not jobs or None in jobs:
        return None
    return frozenset(name for names in jobs for name in names or ())


def has_full_worker(live: Sequence[Worker]) -> bool:
    """Whether some live worker has no idle process, so that messages may wait in it."""
    # None of a worker's processes has said yet what it runs where it has just begun.
    known = (worker.activities for worker in live if worker.activities)
    return any(all(one.task_id is not None for one in activities) for activities in known)


def forget_stale(store: Store, now: datetime) -> None:
    """Drop workers that were not seen for ten minutes."""
    saved = store.workers.shown()
    kept = {worker.name for worker in recent_workers(saved, now)}
    store.workers.forget([name for name in saved if name not in kept])


def forget(store: Store, name: str) -> None:
    """Drop a worker that has shut down, so that it is not shown as lost."""
    store.workers.forget([name])


def save(
    store: Store, name: str, *, state: str | None, steps: Mapping[int, int], lines: Sequence[bytes]
) -> None:
    """Save what a worker says of itself, in one round trip.

    Args:
        state: the worker as `Worker.to_json` gives it; None when it has not changed.
        steps: how many steps it finished, by the second since the epoch.
        lines: its log lines, each as JSON in UTF-8, oldest first.
    """
    store.workers.keep(name, how=state, steps=steps, lines=lines)


def record_heal(store: Store, task_id: str, steps: int) -> None:
    """Record that missing steps of a task were sent again."""
    store.workers.note_heal(task_id, steps, clock.now_ms())


def record_heartbeat(store: Store, sender: str) -> None:
    """Record that the worker or the sweep, which `sender` names, is alive; /health asks for it."""
    store.heartbeats.beat(sender, clock.now_ms())


def follow_clock(store: Store) -> None:
    """Go by the server's clock, as it is now."""
    asked_at = clock.monotonic()
    clock.follow(store.heartbeats.server_us(), asked_at)


def record_skew(store: Store, worker: str, skew: timedelta) -> None:
    """Record that a worker's clock is far from the server's; /health says it."""
    store.heartbeats.note_skew(worker, skew // timedelta(milliseconds=1), clock.now_ms())


def recent_skews(store: Store) -> dict[str, timedelta]:
    """The workers whose clocks were far from the server's in the last 15 seconds, and by how much ahead."""
    since_ms = clock.now_ms() - SKEW_SHOWN // timedelta(milliseconds=1)
    found = store.heartbeats.skews_ms(since_ms)
    return {worker: timedelta(milliseconds=skew_ms) for worker, skew_ms in sorted(found.items())}


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else clock.ms_since_epoch(moment)


def _activity(
    pid: int, task_id: str | None, ranges: Any, steps: int, since_ms: int | None
) -> ProcessActivity:
    since = None if since_ms is None else clock.moment_of_ms(since_ms)
    return ProcessActivity(pid, task_id, tuple((start, stop) for start, stop in ranges), steps, since)


def _heal(written: str) -> Heal:
    task_id, ms, steps = written.rsplit(":", 2)  # a task's id has no colon
    return Heal(task_id, clock.moment_of_ms(int(ms)), int(steps))

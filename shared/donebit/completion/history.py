"""The past runs of each job: kept when an end is announced, for HISTORY_TTL, in less than 200 bytes each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from donebit import clock
from donebit.clock import moment_of_ms, ms_since_epoch
from donebit.completion.state import ANY_END, State
from donebit.completion.task import Task
from donebit.errors import StoreUnavailable
from donebit.store import Store
from donebit.store.history import StoredRun

MOST_CELLS = 64
# What the steps of a cell are: all done, some given up, some missing, none done.
DONE, FAILED, PARTLY, MISSING = CELLS = "dfpm"
END_LETTERS = {end.value[0]: end for end in ANY_END}


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run of a task that ended."""

    id: str  # of the entry, two numbers: those of later runs are greater
    task_id: str
    run: int
    end: State
    count: int
    done_steps: int
    failed_steps: int
    started_at: datetime  # a resumed task has begun again
    ended_at: datetime
    strip: str  # a letter of CELLS for each of at most 64 parts of its steps

    @property
    def took(self) -> timedelta:
        """From the start of this run to its end."""
        return self.ended_at - self.started_at

    @classmethod
    def from_entry(cls, entry: StoredRun) -> PastRun:
        """The run of an entry.

        Raises:
            ValueError, KeyError: no process of this version wrote it.
        """
        text, _, packed = entry.text.partition(b"|")
        task_id, end, *numbers = text.decode().split(" ")
        run, count, done, failed, started_ms, took_ms = map(int, numbers)
        started_at = moment_of_ms(started_ms)
        return cls(
            entry.id,
            task_id,
            run,
            END_LETTERS[end],
            count,
            done,
            failed,
            started_at,
            started_at + timedelta(milliseconds=took_ms),
            _unpacked(packed, cells_of(count)),
        )


@dataclass(frozen=True, slots=True)
class RunsPage:
    """Past runs, newest first, and the id to pass as `before` for older ones, if there are more."""

    runs: list[PastRun]
    next: str | None


@dataclass(frozen=True, slots=True)
class JobHistory:
    """How often a job has run, about, and its last run."""

    job: str
    runs: int
    last: PastRun | None


def record_end(store: Store, task: Task) -> None:
    """Keep the run of a job's task that has ended. It is lost, rather than its announcement, in an outage."""
    if task.spec.job is None or task.ended_at is None:
        return
    with suppress(StoreUnavailable):
        entry, now_ms = as_entry(store, task), clock.now_ms()
        store.history.append_run(task.spec.job, task.id, entry, now_ms=now_ms, ttl=task.history_ttl)


def as_entry(store: Store, task: Task) -> bytes:
    """The run of an ended task as it is kept: its facts, and two bits for each cell of its strip."""
    took_ms = 0 if task.took is None else task.took // timedelta(milliseconds=1)
    numbers = (
        task.run,
        task.count,
        task.done_steps,
        task.failed_steps,
        ms_since_epoch(task.run_started_at),
        took_ms,
    )
    text = " ".join([task.id, task.state.value[0], *map(str, numbers)]).encode()
    return text if task.state is State.DONE else text + b"|" + _packed(strip_of(store, task))


def cells_of(count: int) -> int:
    return min(count, MOST_CELLS)


def strip_of(store: Store, task: Task) -> str:
    """The steps of a task in at most 64 cells, from left to right."""
    cells = cells_of(task.count)
    if task.state is State.DONE or not cells:
        return DONE * cells
    edges = [task.count * cell // cells for cell in range(cells + 1)]
    counted = store.history.bit_counts(task.id, edges)
    sizes = (after - first for first, after in pairwise(edges))
    return "".join(_cell(size, done, failed) for size, (done, failed) in zip(sizes, counted, strict=True))


def _cell(size: int, done: int, failed: int) -> str:
    if failed:
        return FAILED
    return DONE if done == size else PARTLY if done else MISSING


def _packed(strip: str) -> bytes:
    bits = sum(CELLS.index(cell) << 2 * place for place, cell in enumerate(strip))
    return bits.to_bytes(-(-len(strip) // 4), "little")


def _unpacked(packed: bytes, cells: int) -> str:
    bits = int.from_bytes(packed, "little")  # of a done task there are none: all 0, which is DONE
    return "".join(CELLS[bits >> 2 * place & 3] for place in range(cells))


def list_runs(store: Store, job: str, *, limit: int, before: str | None = None) -> RunsPage:
    """Up to `limit` past runs of a job, newest first, or those before an id."""
    entries = store.history.runs(job, limit + 1, before)
    more = entries[limit - 1].id if len(entries) > limit else None
    return RunsPage(list(_parsed(entries[:limit])), more)


def list_jobs(store: Store, registered: Iterable[str]) -> list[JobHistory]:
    """The given jobs, and those that have run, by their names."""
    names = sorted({*registered, *store.history.jobs()})
    found = store.history.newest_runs(names)
    return [
        JobHistory(name, runs, next(iter(_parsed([newest] if newest else [])), None))
        for name, (runs, newest) in zip(names, found, strict=True)
    ]


def with_order(store: Store, runs: Sequence[PastRun]) -> set[str]:
    """The tasks of these runs whose record, and so what was asked for, is kept."""
    names = list(dict.fromkeys(one.task_id for one in runs))
    return {name for name, record in zip(names, store.tasks.records(names), strict=True) if record}


def _parsed(entries: Iterable[StoredRun]) -> Iterable[PastRun]:
    for entry in entries:
        with suppress(ValueError, KeyError):
            yield PastRun.from_entry(entry)

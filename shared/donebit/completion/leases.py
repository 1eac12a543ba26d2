"""Leases: a process of a worker that lives keeps the steps it runs, however long they take.

A process takes a lease on the steps of its message, and its worker's main process renews it: a step may hold
Python's interpreter lock, or the process may be gone. What a lease covers is not sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from donebit.completion import lifecycle, missing
from donebit.completion.task import Task
from donebit.errors import NotFound
from donebit.store import Store
from donebit.store.lease_values import Holder, Renewal, StoredLease, TakenLease

__all__ = [
    "HeldSteps",
    "Holder",
    "Renewal",
    "RunningStep",
    "bury",
    "describe_held",
    "find_task",
    "hand_over",
    "held_ranges",
    "missing_of",
    "open_to_others",
    "release",
    "renew",
    "running_steps",
    "running_steps_by_task",
    "take",
    "without",
]

LEASE = timedelta(seconds=4)  # a worker that died is found after this
RENEW_EVERY = timedelta(seconds=1)
LEASE_AT_END = timedelta(seconds=2)  # of a worker that was asked to end, and will be gone at any moment

MAX_RANGES_SENT = 500  # in a message of missing steps, if it had fewer: 10 KB

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class RunningStep:
    """What a living process runs of a task."""

    worker: str  # its name
    step: int | None  # None when that is not known yet
    age: timedelta  # for how long it has run
    ranges: tuple[Range, ...]  # the steps that are not sent again meanwhile


@dataclass(frozen=True, slots=True)
class HeldSteps:
    """A message's steps as a process holds them."""

    task: Task
    ranges: list[Range]  # without those that another living process runs
    died: bool  # the process that had this message before died at it
    missing: list[Range] | None  # the steps of them that are not done; None where they are still to be read


def take(store: Store, task_id: str, nonce: str, holder: Holder, ranges: Sequence[Range]) -> HeldSteps | None:
    """Hold the steps of a message, as far as no other living process does.

    The broker gives a message to another worker when it was worked at for an hour; its steps still run.

    Returns:
        None when the task is gone, has ended or is paused, or is another one under the same id.
    """
    taken = store.leases.take_lease(task_id, nonce, holder, ranges, LEASE)
    if taken is None:
        return None
    task = Task.from_record(task_id, taken.record)
    return HeldSteps(task, taken.ranges, taken.died, _missing_of_one(task, taken))


def _missing_of_one(task: Task, taken: TakenLease) -> list[Range] | None:
    """What is missing of one range, by the bits read with its lease; None where more must be read."""
    if taken.bits is None or task.failed_steps:
        return None
    [(start, stop)] = taken.ranges
    return missing.ranges_in(taken.bits, start, stop)


def release(store: Store, task_id: str, holder: Holder) -> bool:
    """Give a message's steps up, once they have run.

    Returns:
        Whether the worker's main process has sent those not begun to another worker.
    """
    return store.leases.release_lease(task_id, holder)


def renew(store: Store, task_id: str, renewals: Sequence[Renewal], *, ending: bool) -> list[Holder]:
    """Renew the leases of processes of one worker, which live.

    Args:
        ending: the worker was asked to end; a process of it may be gone at any moment.

    Returns:
        Those who have a lease.
    """
    return store.leases.renew_leases(task_id, renewals, LEASE_AT_END if ending else LEASE, ending=ending)


def hand_over(
    store: Store,
    task_id: str,
    nonce: str,
    holder: Holder,
    step: int,
    send: Callable[[Task, list[Range], bool], None],
    *,
    careful: bool = False,
) -> None:
    """Have other workers run the steps of a message that are not begun, as its worker ends.

    It may be repeated until it succeeds: the lease has all of its steps until they are sent. Until then the
    process itself sends them when its step ends; if it dies, another worker finds its lease run out.

    Args:
        step: the one that runs, and stays leased.
        send: is given whether each attempt is to be counted before it is made.
        careful: each was to be, by the message; or a process has died at it, which its lease says.
    """
    if (task := find_task(store, task_id, nonce)) is None:
        return
    held = store.leases.hand_over_lease(task_id, holder, step)
    if held is None:
        return
    if left := missing_of(store, task, held.ranges, without_step=step):
        send(task, left, careful or held.counted)
    store.leases.narrow_lease(task_id, holder, step)


def open_to_others(store: Store, task_id: str, holder: Holder) -> bool:
    """Let others take all steps of a message, of which none runs any more, before they are sent.

    Returns:
        False when the worker's main process has sent them, or the lease is gone.
    """
    return store.leases.hand_over_lease(task_id, holder, None) is not None


def bury(store: Store, task_id: str, holder: Holder, *, ending: bool) -> None:
    """Note that a process died at a message, which will come again.

    Args:
        holder: with 0 as the process when it died before it had said which it is.
        ending: its worker was asked to end, so that it was no fault of the steps.
    """
    store.leases.bury_lease(task_id, holder, ending=ending)


def running_steps(store: Store, task_id: str) -> list[RunningStep]:
    """What living processes run of a task, the longest running first."""
    return running_steps_by_task(store, [task_id])[task_id]


def running_steps_by_task(store: Store, task_ids: Sequence[str]) -> dict[str, list[RunningStep]]:
    """What living processes run of each task, the longest running first."""
    found = store.leases.of_tasks(task_ids)
    return {task_id: _running(held) for task_id, held in zip(task_ids, found, strict=True)}


def _running(found: Iterable[StoredLease]) -> list[RunningStep]:
    running = [
        # A worker of an older version has a random part after a slash.
        RunningStep(one.worker.partition("/")[0], one.step, one.age, tuple(one.ranges))
        for one in found
        if one.runs
    ]
    return sorted(running, key=lambda one: one.age, reverse=True)


def without(ranges: Iterable[Range], held: Sequence[Range]) -> Iterator[Range]:
    """The ranges without what is held, in the same order.

    Args:
        ranges: half open.
        held: half open, in any order.
    """
    ordered = sorted(held)
    for start, stop in ranges:
        for first, last in ordered:
            if last <= start or first >= stop:
                continue
            if start < first:
                yield start, first
            start = last  # noqa: PLW2901 - what is left of the range
        if start < stop:
            yield start, stop


def held_ranges(running: Iterable[RunningStep]) -> list[Range]:
    return [part for one in running for part in one.ranges]


def describe_held(store: Store, task: Task) -> str:
    """Whether living processes run `all` of a task's missing steps, `some` steps, or none (empty).

    Leases that have run out are noted for reclaim_lapsed, in case its index was lost.
    """
    found = store.leases.of_task(task.id)
    held = [part for one in found if one.runs for part in one.ranges]
    lapsed = [one for one in found if not one.runs and one.state != "died"]
    store.leases.index(task.id, {one.message_id: 0 for one in lapsed})
    if not held:
        return ""
    missing_ranges = missing.iterate(store, task, 0, task.count)
    return "some" if any(True for _ in without(missing_ranges, held)) else "all"


def find_task(store: Store, task_id: str, nonce: str, *, may_have_ended: bool = False) -> Task | None:
    """The running task of this nonce.

    Args:
        may_have_ended: the task, also if it has ended: a step of it may run on.

    Returns:
        None when it is gone or has ended, or is another one under the same id.
    """
    try:
        task = lifecycle.get_task(store, task_id).task
    except NotFound:
        return None
    return task if task.nonce == nonce and (may_have_ended or not task.ended) else None


def missing_of(
    store: Store, task: Task, ranges: Iterable[Range], *, without_step: int | None = None
) -> list[Range]:
    """The missing steps of some ranges, without one that runs, to be sent in a message.

    Returns:
        The ranges as they are where their holes would make many: done steps are skipped when they are run.
    """
    running = [] if without_step is None else [(without_step, without_step + 1)]
    whole = list(without(ranges, running))
    most = max(MAX_RANGES_SENT, len(whole))
    parts = (part for start, stop in whole for part in missing.iterate(store, task, start, stop))
    found = list(islice(parts, most + 1))
    return found if len(found) <= most else whole

"""Fan-out: how a task's steps are divided into messages, and which process sends them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from donebit import clock
from donebit.completion import lifecycle, missing
from donebit.completion.leases import Range, without
from donebit.completion.task import Task
from donebit.errors import NotFound
from donebit.store import Store

MAX_MESSAGES = 250  # a message costs about 0.8 ms to publish and consume
LARGEST_FANOUT = 100_000  # with a batch of the caller's own
FIRST_WRITE, LARGEST_WRITE = (
    8,
    256,
)  # messages: workers begin with the first, and each write costs what two do
LEASE = timedelta(seconds=5)  # a process that dies during a fan-out is replaced by another after this
RENEWALS_PER_LEASE = 5  # of a lease


@dataclass(frozen=True, slots=True)
class Slice:
    """The steps of one message, `start` to `stop`, half open."""

    start: int
    stop: int


Send = Callable[[Task, Sequence[Slice]], None]  # in one write


def batch_size(count: int, batch: int | None) -> int:
    """How many steps a message has: `batch` if given, else such that there are at most 250 messages."""
    return batch or -(-count // MAX_MESSAGES)


def slices(ranges: Iterable[tuple[int, int]], size: int) -> Iterator[Slice]:
    """Cut half-open ranges into slices of at most `size` steps."""
    for start, stop in ranges:
        for first in range(start, stop, size):
            yield Slice(first, min(first + size, stop))


def is_being_fanned_out(task: Task, now: datetime) -> bool:
    """Whether a process is sending its messages: 100,000 take a minute, and must not be sent twice."""
    return task.dispatching_at is not None and now - task.dispatching_at < LEASE


def claim_fan_out(store: Store, task: Task) -> bool:
    """Claim the first fan-out of a task; False when another process has it or it is done."""
    return store.tasks.take_fan_out(task.id, task.nonce, now_ms=clock.now_ms(), lease=LEASE)


def is_due(task: Task, first: int) -> bool:
    """Whether a request to fan out from step `first` on has anything to do; not while the task is paused.

    A request for all steps (`first` is 0) is due once. A request for the steps that a task was extended by
    is due only after that: otherwise the first fan-out sends the new steps too.
    """
    is_held = task.paused or task.is_filled
    return not is_held and (first > 0) is (task.dispatched_at is not None)


def fan_out(store: Store, task: Task, send: Send, first: int = 0, *, held: Sequence[Range] = ()) -> int:
    """Send a task's missing steps from `first` on.

    A repeat after a crash sends some messages twice, which is harmless: workers skip steps that are done.

    Args:
        held: steps, half open, that are not sent, as living processes run them.

    Returns:
        How many messages were sent.
    """
    sent = send_missing(store, task, send, first, held=held)
    if not record_sent(store, task, sent) or task.dispatched_at is not None:
        return sent
    # An extension made during the fan-out has found it unfinished, and left its steps to this call.
    with suppress(NotFound):
        extended = lifecycle.get_task(store, task.id).task
        if more := send_missing(store, extended, send, task.count):
            record_sent(store, extended, more)
            sent += more
    return sent


def record_sent(store: Store, task: Task, sent: int) -> bool:
    fields = {"dispatched_at": clock.now_ms(), "messages": task.messages + sent}
    return store.tasks.update_record(task.id, task.nonce, task.run, fields, pauses=task.pauses)


def send_missing(store: Store, task: Task, send: Send, first: int, *, held: Sequence[Range] = ()) -> int:
    """Send the missing steps from `first` on, and return how many messages that took."""
    size = batch_size(task.count, task.spec.batch)
    sent = 0
    parts = slices(without(missing.iterate(store, task, first, task.count), held), size)
    for together in _leased(store, task, writes(parts)):
        send(task, together)
        sent += len(together)
    return sent


def writes(parts: Iterator[Slice]) -> Iterator[list[Slice]]:
    """Slices as they are sent together: few at first, so that workers begin soon, then ever more."""
    size = FIRST_WRITE
    while together := list(islice(parts, size)):
        yield together
        size = min(2 * size, LARGEST_WRITE)


def _leased(store: Store, task: Task, parts: Iterator[list[Slice]]) -> Iterator[list[Slice]]:
    """The parts; the lease on the fan-out is renewed while they are sent.

    They end early when the task was paused meanwhile: its resume sends what is missing.
    """
    renew_at = clock.now()
    for part in parts:
        if (now := clock.now()) >= renew_at:
            note = {"dispatching_at": clock.ms_since_epoch(now)}
            if not store.tasks.update_record(task.id, task.nonce, task.run, note, pauses=task.pauses):
                return
            renew_at = now + LEASE / RENEWALS_PER_LEASE
        yield part

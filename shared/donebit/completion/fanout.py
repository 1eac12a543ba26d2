"""Fan-out: how a task's steps are cut into messages, and who sends them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from donebit import clock
from donebit.completion import lifecycle, missing
from donebit.completion.task import Task
from donebit.errors import NotFound
from donebit.store import Store

MOST_MESSAGES = 250  # a message costs about 0.8 ms to publish and to take; more of them only cost more
LARGEST_FANOUT = 100_000  # with a batch of the caller's own
LEASE = timedelta(seconds=5)  # whoever dies while fanning out is followed by another after this
RENEWALS = 5  # of a lease


@dataclass(frozen=True, slots=True)
class Slice:
    """Steps `start` to `stop`, half open: what one message asks for."""

    start: int
    stop: int


Send = Callable[[Task, Slice], None]


def batch_size(count: int, batch: int | None) -> int:
    """Steps a message: one up to 250 steps, above that as many as make at most 250 messages."""
    return batch or -(-count // MOST_MESSAGES)


def slices(ranges: Iterable[tuple[int, int]], size: int) -> Iterator[Slice]:
    """Cut half-open ranges into slices of at most `size` steps."""
    for start, stop in ranges:
        for first in range(start, stop, size):
            yield Slice(first, min(first + size, stop))


def is_being_fanned_out(task: Task, now: datetime) -> bool:
    """Whether somebody is at it: 100,000 messages take a minute, and as long again if sent twice."""
    return task.dispatching_at is not None and now - task.dispatching_at < LEASE


def may_fan_out(store: Store, task: Task) -> bool:
    """Whether the caller is the one to send a task's steps for the first time."""
    return store.tasks.take_fan_out(task.id, task.nonce, now_ms=clock.now_ms(), lease=LEASE)


def is_due(task: Task, first: int) -> bool:
    """Whether a request to fan out has anything to do.

    One for all steps, once. One for what a task was extended by, only after that: before it, the first
    fan-out sends the new steps with the others.
    """
    return (first > 0) is (task.dispatched_at is not None)


def fan_out(store: Store, task: Task, send: Send, first: int = 0) -> int:
    """Send a task's missing steps from `first` on, all of them at its start; how many messages that took.

    A crash half way, and the same again, sends some twice: a worker skips the steps whose bit is set.
    """
    sent = send_missing(store, task, send, first)
    if not note_sent(store, task, sent) or task.dispatched_at is not None:
        return sent
    # An extension that came while these were sent has found no note, and left its steps to this one.
    with suppress(NotFound):
        extended = lifecycle.get_task(store, task.id).task
        if more := send_missing(store, extended, send, task.count):
            note_sent(store, extended, more)
            sent += more
    return sent


def note_sent(store: Store, task: Task, sent: int) -> bool:
    note = {"dispatched_at": clock.now_ms(), "messages": task.messages + sent}
    return store.tasks.note_on_task(task.id, task.nonce, task.run, note)


def send_missing(store: Store, task: Task, send: Send, first: int) -> int:
    """Send the missing steps from `first` on; how many messages that took."""
    size = batch_size(task.count, task.spec.batch)
    sent = 0
    parts = slices(missing.iterate(store, task, first, task.count), size)
    for part in _leased(store, task, parts):
        send(task, part)
        sent += 1
    return sent


def _leased(store: Store, task: Task, parts: Iterator[Slice]) -> Iterator[Slice]:
    """The parts, while it is noted again and again that they are being sent."""
    renew_at = clock.now()
    for part in parts:
        if (now := clock.now()) >= renew_at:
            note = {"dispatching_at": clock.ms_since_epoch(now)}
            store.tasks.note_on_task(task.id, task.nonce, task.run, note)
            renew_at = now + LEASE / RENEWALS
        yield part

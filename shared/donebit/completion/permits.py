"""Permits: how many steps of a task, or of a job, run at the same time on all workers together.

A process takes a permit with its message and holds it while it runs the message's steps, one after the other.
Its worker's main process renews it, as it does leases.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from donebit import clock
from donebit.completion.leases import LEASE, Holder
from donebit.completion.task import Task
from donebit.store import Store

POLLS_PER_SECOND = 20  # of all messages of a task together that wait for a permit
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(seconds=0.2), timedelta(seconds=5)
# The sweep lets the steps be for so long after the pause; they are on their way and need not be sent again.
QUIET_AFTER = timedelta(seconds=30)


class Limit(NamedTuple):
    """How many processes may run steps of something at once.

    Attributes:
        kind: task or job
        name: its id or name
        most: how many
    """

    kind: str
    name: str
    most: int


def limits_of(task: Task, of_job: int | None) -> list[Limit]:
    """The limits that hold for a task's steps.

    Args:
        of_job: the max_concurrency of its job; None for no limit.
    """
    found = []
    if task.spec.max_concurrency is not None:
        found.append(Limit("task", task.id, task.spec.max_concurrency))
    if of_job is not None and task.spec.job is not None:
        found.append(Limit("job", task.spec.job, of_job))
    return found


def take(store: Store, limits: Sequence[Limit], holder: Holder) -> bool:
    """Take a permit of each limit, or none of any; whether they are taken."""
    for number, limit in enumerate(limits):
        key = store.permits.key_of(limit.kind, limit.name)
        if not store.permits.take_permit(key, _name(holder), limit.most, LEASE):
            release(store, limits[:number], holder)
            return False
    return True


def renew(store: Store, limits: Sequence[Limit], holder: Holder) -> bool:
    """Renew the permits of a process that lives; False when one of them is lost."""
    keys = [store.permits.key_of(limit.kind, limit.name) for limit in limits]
    return all(store.permits.renew_permit(key, _name(holder), LEASE) for key in keys)


def release(store: Store, limits: Sequence[Limit], holder: Holder) -> None:
    """Give permits up. What cannot be given up runs out."""
    for limit in limits:
        store.permits.release(store.permits.key_of(limit.kind, limit.name), _name(holder))


def _name(holder: Holder) -> str:
    return f"{holder.worker} {holder.pid} {holder.message_id}"


def wait(store: Store, task: Task) -> timedelta:
    """Note that steps of a task wait for a permit, so that nobody takes them for lost.

    Returns:
        How long the message has to wait before it is tried again: the more messages there are, the longer,
        and drawn, so that they come evenly.
    """
    waiting = min(task.missing_steps, max(1, task.messages))
    longest = min(max(SHORTEST_PAUSE, timedelta(seconds=waiting / POLLS_PER_SECOND)), LONGEST_PAUSE)
    now_ms, longest_ms = clock.now_ms(), longest // timedelta(milliseconds=1)
    fields = {
        "limited_until": now_ms + 2 * longest_ms,
        "quiet_until": now_ms + longest_ms + QUIET_AFTER // timedelta(milliseconds=1),
    }
    store.tasks.update_record(task.id, task.nonce, task.run, fields)
    return longest * random.uniform(0.5, 1)  # noqa: S311 - nobody must not guess it

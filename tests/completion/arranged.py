"""Tasks as the tests of completion arrange them, and what they read of one afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from redis import Redis

from donebit.completion import lifecycle, missing, reporting
from donebit.completion.leases import Holder
from donebit.completion.spec import TaskSpec
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.store import Store, keys

MAX_STEPS = 10_000_000
TTLS = TaskTtls(open=timedelta(days=7), ended=timedelta(days=1))  # as the settings have them unless set
HOLDER = Holder("message-1", "host:1/aa", 11)  # a process of a worker, of the lease on a message's steps
# Around the end of a byte the marker begins a new one, and a full bitmap is or is not all ones.
BYTE_BORDERS = [1, 2, 6, 7, 8, 9, 15, 16, 17, 63, 64, 65]


def start(
    store: Store, count: int = 3, *, task_id: str | None = None, ttls: TaskTtls = TTLS, **asked: Any
) -> Task:
    order = TaskSpec(count, **asked)
    return lifecycle.start(store, order, task_id=task_id, ttls=ttls, max_steps=MAX_STEPS).task


def start_done(store: Store, count: int = 3, **asked: Any) -> Task:
    task = start(store, count, **asked)
    reporting.report(store, task.id, ranges=[(0, count)])
    return now(store, task)


def now(store: Store, task: Task) -> Task:
    """The task as it stands."""
    return lifecycle.get_task(store, task.id).task


def missing_ranges(store: Store, task: Task) -> list[tuple[int, int]]:
    return missing.list_missing(store, now(store, task), limit=1000).ranges


def set_by_other_hands(client: Redis, task: Task, *steps: int) -> None:
    """What the example project's workers do: SETBIT, past every script."""
    for step in steps:
        client.setbit(keys.bitmap(task.id), step, 1)


def expire(client: Redis, task: Task) -> None:
    """The bitmap has expired, and the record is about to."""
    client.delete(keys.bitmap(task.id))


def life_left(client: Redis, key: str) -> timedelta:
    return timedelta(milliseconds=client.pttl(key))

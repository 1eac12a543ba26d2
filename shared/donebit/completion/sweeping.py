"""What keeps a task from being lost: a look at every open one, again and again, until its end is told.

Any number of sweeps may run at once; each thing they do is done by one of them, or harmless twice.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from donebit import clock, logs
from donebit.completion import fanout, lifecycle
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.errors import DonebitError, NotFound
from donebit.store import Store

LOOK_EVERY = timedelta(seconds=5)
LOOKS_APART = LOOK_EVERY * 0.8  # that are kept, to tell from them how fast a task goes
TASKS_A_SWEEP = 1000
PRUNED_A_SWEEP = 100
SETTLED = timedelta(minutes=1)
HEALS = 8  # with pauses that double from a minute on: about four hours

log = logging.getLogger(__name__)


class SweepPublisher(Protocol):
    """Where the sweep puts what must happen elsewhere."""

    def announce(self, task_id: str) -> None: ...
    def dispatch(self, task: Task) -> None: ...
    def probe(self, task: Task) -> None: ...


def needs_fan_out(task: Task, now: datetime) -> bool:
    """Whether its steps were not sent in time, and nobody is sending them."""
    if task.spec.job is None or task.dispatched_at or fanout.is_being_fanned_out(task, now):
        return False
    return now - task.created_at >= LOOK_EVERY


@dataclass(frozen=True, slots=True)
class Sweep:
    """One round over the open tasks."""

    store: Store
    publisher: SweepPublisher
    ttls: TaskTtls

    def run(self) -> int:
        """Look at every task that is due; how many were."""
        now = clock.now()
        self.store.tasks.extend_indexes(self.ttls.index)
        due = self.store.tasks.open_tasks(clock.ms_since_epoch(now), TASKS_A_SWEEP)
        for task_id in due:
            self.look_at_safely(task_id, now)
        self.prune(now)
        return len(due)

    def look_at_safely(self, task_id: str, now: datetime) -> None:
        """One task that cannot be read, of a newer version perhaps, must not hide the others."""
        try:
            with logs.task_context(task_id):
                self.look_at(task_id, now)
        except DonebitError:
            raise
        except Exception:
            log.exception("task %s cannot be looked after", task_id)
            self.store.tasks.look_again(task_id, clock.ms_since_epoch(now + LOOK_EVERY))

    def look_at(self, task_id: str, now: datetime) -> None:
        """Whatever this task needs now, and when to look again."""
        try:
            next_look_ms = self.store.tasks.next_look(task_id)
            task = lifecycle.get_task(self.store, task_id).task
            if task.announced_at and next_look_ms:  # whoever told it died before closing it
                self.store.tasks.close_task(task_id, next_look_ms)
            elif task.ended or lifecycle.recount(self.store, task).state is not State.RUNNING:
                self.publisher.announce(task_id)
            else:
                self.look_at_running(task, now)
        except NotFound:
            self.store.tasks.unindex_task(task_id)
        self.store.tasks.look_again(task_id, clock.ms_since_epoch(now + LOOK_EVERY))

    def look_at_running(self, task: Task, now: datetime) -> None:
        limit = HEALS if task.spec.job else 0  # steps from elsewhere can only be waited for
        found = self.store.tasks.take_probe(
            task.id, now_ms=clock.ms_since_epoch(now), limit=limit, looks_apart=LOOKS_APART
        )
        if found == "stalled":
            log.error(
                "task %s is stalled: %d of %d steps are missing, and the last one came at %s",
                task.id,
                task.missing_steps,
                task.count,
                clock.iso(task.last_progress_at),
            )
        elif needs_fan_out(task, now):
            log.warning("task %s was never fanned out: it is now", task.id)
            self.publisher.dispatch(task)
        elif found == "probe":
            self.publisher.probe(task)

    def prune(self, now: datetime) -> None:
        """Take tasks whose records have expired out of the listing, some at a time.

        Some at random, and not the oldest: those may live long, and the expired ones hide behind them.
        """
        # A task is listed a moment before its record is written: those just listed are left alone.
        settled_us = int((now - SETTLED).timestamp() * 1e6)
        names = self.store.tasks.sample(settled_us, PRUNED_A_SWEEP)
        for name, record in zip(names, self.store.tasks.records(names), strict=True):
            if not record:
                self.store.tasks.unindex_task(name)

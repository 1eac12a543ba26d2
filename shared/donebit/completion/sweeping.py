"""The sweep: a regular check of every open task until its end is announced, so that none is lost.

Any number of sweeps may run at once: each action is done by only one of them, or is harmless if repeated.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from donebit import clock, logs
from donebit.completion import announcing, counting, fanout, leases, lifecycle, parents, reporting
from donebit.completion.measures import STALLS, Tally
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.errors import BrokerUnavailable, NotFound, StoreUnavailable
from donebit.store import Store

CHECK_EVERY = timedelta(seconds=5)
SAMPLES_APART = CHECK_EVERY * 0.8  # between the samples from which the speed is computed
MAX_TASKS_PER_SWEEP = 1000
SWEEPS_APART = CHECK_EVERY / 5  # messages of sweeps that waited for a worker are then soon over
MAX_PRUNED_PER_SWEEP = 100
PRUNE_AFTER = timedelta(minutes=1)
MAX_HEALS = 8  # with pauses that double from a minute on: about four hours

log = logging.getLogger(__name__)


class SweepPublisher(Protocol):
    """How the sweep sends messages to the worker."""

    def announce(self, task_id: str) -> None: ...
    def dispatch(self, task: Task) -> None: ...
    def probe(self, task: Task) -> None: ...


def takes_turn(store: Store) -> bool:
    """Whether the caller is to sweep now: nobody has begun to for SWEEPS_APART."""
    return store.heartbeats.take_sweep(SWEEPS_APART)


def needs_fan_out(task: Task, now: datetime) -> bool:
    """Whether its steps were not sent in time, and no process is sending them."""
    is_held = task.paused or task.is_filled
    if not task.count or is_held or task.spec.job is None or task.dispatched_at:
        return False
    if fanout.is_being_fanned_out(task, now):
        return False
    return now - task.created_at >= CHECK_EVERY


def count_stall(store: Store, task: Task) -> None:
    """Count for /metrics that the sweep has given a task up."""
    tally = Tally()
    tally.count(STALLS, task.spec.job)
    counting.add_if_possible(store, tally)


@dataclass(frozen=True, slots=True)
class Sweep:
    """One check of all open tasks that are due."""

    store: Store
    publisher: SweepPublisher
    ttls: TaskTtls
    note: Callable[[Task], object] | None = None  # called with each task that runs

    def run(self) -> int:
        """Check every task that is due, and return how many there were."""
        self.store.task_index.extend_indexes(self.ttls.index)
        now = clock.now()  # the server's, after the first call
        due = self.store.task_index.open_tasks(clock.ms_since_epoch(now), MAX_TASKS_PER_SWEEP)
        for task_id in due:
            self.check_safely(task_id, now)
        self.prune(now)
        return len(due)

    def check_safely(self, task_id: str, now: datetime) -> None:
        """Check a task; log one that cannot be read, so that the others are still checked."""
        try:
            with logs.task_context(task_id):
                self.check(task_id, now)
        except (StoreUnavailable, BrokerUnavailable):  # it would be the same for every other
            raise
        except Exception:
            log.exception("task %s cannot be checked", task_id)
            self.store.task_index.look_again(task_id, clock.ms_since_epoch(now + CHECK_EVERY))

    def check(self, task_id: str, now: datetime) -> None:
        """Do what the task needs now, and schedule its next check."""
        try:
            next_look_ms = self.store.task_index.next_look(task_id)
            task = lifecycle.get_task(self.store, task_id).task
            if task.announced_at and next_look_ms:  # its announcer died before closing it
                self.store.task_index.close_task(task_id, next_look_ms)
            elif task.ended or reporting.recount(self.store, task).state is not State.RUNNING:
                self.publisher.announce(task_id)
            else:
                announcing.announce_first_failure(self.store, task)
                self.check_running(task, now)
        except NotFound:
            self.store.task_index.unindex_task(task_id)
        self.store.task_index.look_again(task_id, clock.ms_since_epoch(now + CHECK_EVERY))

    def check_running(self, task: Task, now: datetime) -> None:
        if self.note:
            self.note(task)
        parents.renew_parent(self.store, task)
        limit = MAX_HEALS if task.spec.job else 0  # steps without a job can only be waited for
        action = self.store.tasks.take_probe(
            task.id,
            now_ms=clock.ms_since_epoch(now),
            limit=limit,
            looks_apart=SAMPLES_APART,
            held=leases.describe_held(self.store, task) if task.spec.job else "",
        )
        if action == "stalled":
            count_stall(self.store, task)
            log.error(
                "task %s is stalled: %d of %d steps are missing, last progress at %s",
                task.id,
                task.missing_steps,
                task.count,
                clock.iso(task.last_progress_at),
            )
        elif needs_fan_out(task, now):
            log.warning("the steps of task %s were never sent; sending them now", task.id)
            self.publisher.dispatch(task)
        elif action == "probe":
            self.publisher.probe(task)

    def prune(self, now: datetime) -> None:
        """Remove some tasks whose records have expired from the listing.

        They are sampled at random, because old tasks that live long would otherwise hide expired ones.
        """
        # A task is listed a moment before its record is written, so new entries are left alone.
        settled_us = int((now - PRUNE_AFTER).timestamp() * 1e6)
        names = self.store.task_index.sample(settled_us, MAX_PRUNED_PER_SWEEP)
        for name, record in zip(names, self.store.tasks.records(names), strict=True):
            if not record:
                self.store.task_index.unindex_task(name)

"""The data of the dashboard benchmarks: finished and running tasks, and more than a year of visits."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks.own_stack import Stack
from benchmarks.waiting import wait_until
from donebit import clock
from donebit.activity.events import ingest
from donebit.activity.periods.calendar import Calendar
from donebit.activity.site import Site
from donebit.activity.users.ids import Ids
from donebit.completion import lifecycle, reporting
from donebit.completion.spec import TaskSpec
from donebit.store import Store
from tests.completion.arranged import TTLS

ENDED, RUNNING = 1000, 20
CANCELLED_EVERY = 10  # of those that ended
STEPS, STEPS_RUNNING, SLEEP_MS = 100, 50_000, 100
DAYS, USERS = 400, 100_000
EVENT = "visit"
# Everybody comes on the day they sign up; later on a day half of these, and fewer and fewer.
STAYING, LEAVING_DAYS = 0.5, 90.0


def lay_tasks(stack: Stack) -> None:
    """Make the finished tasks, wait until all are announced, then start the running ones."""
    store = stack.store()
    for number in range(ENDED):
        end_task(store, f"ended-{number}", cancelled=number % CANCELLED_EVERY == 0)
    wait_until(lambda: store.task_index.sizes()[0] == 0)
    for _ in range(RUNNING):
        stack.start_task(STEPS_RUNNING, SLEEP_MS)


def end_task(store: Store, task_id: str, *, cancelled: bool) -> None:
    lifecycle.start(store, TaskSpec(STEPS, label="ended"), task_id=task_id, ttls=TTLS, max_steps=STEPS)
    reporting.report(store, task_id, ranges=[(0, STEPS // 2 if cancelled else STEPS)])
    if cancelled:
        lifecycle.cancel(store, task_id)


def lay_visits(stack: Stack) -> None:
    """Make the visits day by day, the earliest first; equally many users sign up on each day."""
    site, now = Site(stack.store(), Calendar(ZoneInfo("UTC")), 1024), clock.now()
    random = np.random.default_rng(1)
    for day in range(DAYS):
        ids, at = visitors(random, day), moment(day, now)
        ingest.record_ids(site, EVENT, ids, at=at, now=now)


def moment(day: int, now: datetime) -> datetime:
    return now - timedelta(days=DAYS - 1 - day)


def visitors(random: np.random.Generator, day: int) -> Ids:
    """Return who visits on a day, counted from 0, by how long ago they signed up."""
    known = np.arange((day + 1) * USERS // DAYS, dtype=np.uint32)
    age = day - known.astype(np.int64) * DAYS // USERS
    likely = np.where(age == 0, 1.0, STAYING * np.exp(-age / LEAVING_DAYS))
    return known[random.random(len(known)) < likely]

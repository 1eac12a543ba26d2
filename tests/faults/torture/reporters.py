"""Processes that report steps, and visits with them, to a store until each is acknowledged."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from functools import partial
from multiprocessing.synchronize import Barrier
from typing import NamedTuple

from donebit import clock
from donebit.activity.events.single_visit import visit
from donebit.activity.site import Site
from donebit.completion import announcing, reporting
from donebit.completion.task import Task
from donebit.config import Settings
from donebit.errors import StoreUnavailable
from donebit.store import Store
from tests.faults.harness.ground import pass_by
from tests.faults.torture.harms import PARTED_SECONDS, Aftermath

PROCESSES, STEPS = 4, 24
GIVEN_UP_SECONDS = 90.0  # beyond the 30 s that a Sentinel may take no part on a busy machine
DONE_SECONDS = 300.0  # of all reports, with room for a busy machine
REPORTING_SECONDS = PARTED_SECONDS + 2  # so that all are still at it when the harm is done
PATIENCE = timedelta(seconds=1)
EVENT = "seen"
PLACES, APART = 25, 400_000  # of users: so far apart that every node has some


class Work(NamedTuple):
    """What the processes report together.

    Attributes:
        seconds: how long they are at it, where nothing holds them up
    """

    url: str
    replicas: int
    tasks: list[str]
    seed: int
    seconds: float


class Report(NamedTuple):
    """A step that is done, and the user who visits then."""

    task_id: str
    step: int
    number: int

    @property
    def user(self) -> int:
        return self.number % PLACES * APART + self.number


class Sent(NamedTuple):
    """A call that was sent until it was acknowledged, and when that was."""

    report: Report
    began: float
    acknowledged: float


class Share(NamedTuple):
    """What one process has done.

    Attributes:
        ends: the ids under which it has announced ends
    """

    sent: list[Sent]
    ends: list[str]


def report_through(
    pool: ProcessPoolExecutor, together: Barrier, work: Work, harm: Callable[[], Aftermath]
) -> tuple[Share, Aftermath]:
    """Report every step of the tasks, and a visit with each, by several processes; do the harm meanwhile."""
    shares = [pool.submit(report_share, work, one) for one in range(PROCESSES)]
    together.wait(GIVEN_UP_SECONDS)
    pass_by(random.Random(work.seed).uniform(0.5, 2))  # the moment is what a seed is for
    aftermath = harm()
    found = [one.result(DONE_SECONDS) for one in shares]
    return Share(
        [s for one in found for s in one.sent], [end for one in found for end in one.ends]
    ), aftermath


def longest(sent: list[Sent], served_from: float) -> float:
    """The longest that a call took: from its beginning, or that moment if it began before."""
    return max(one.acknowledged - max(one.began, served_from) for one in sent)


_barrier: list[Barrier] = []


def share_barrier(barrier: Barrier) -> None:
    """Keep what all processes of the pool and the test meet at before they begin."""
    _barrier.append(barrier)


def report_share(work: Work, share: int) -> Share:
    """Report this process's steps, in an order of their own, over some seconds."""
    store = Store.at(work.url, connections=1, timeout=PATIENCE, replicas=work.replicas)
    sender = Sender(store)
    reports = [
        Report(task_id, step, number * STEPS + step)
        for number, task_id in enumerate(work.tasks)
        for step in range(share, STEPS, PROCESSES)
    ]
    random.Random(work.seed).shuffle(reports)
    _barrier[0].wait(GIVEN_UP_SECONDS)
    began = time.monotonic()
    for done, one in enumerate(reports):
        sender.send(one)
        time.sleep(max(0, began + work.seconds * done / len(reports) - time.monotonic()))
    return Share(sender.sent, sender.ends)


class Sender:
    """Reports to a store until each report is acknowledged."""

    def __init__(self, store: Store) -> None:
        self._store, self._site = store, Site.of(store, Settings())
        self.sent: list[Sent] = []
        self.ends: list[str] = []

    def send(self, report: Report) -> None:
        """Report a step and a visit; announce the end of the task whose last step it was."""
        for call in (self._step, self._visit):
            began = time.monotonic()
            until_kept(partial(call, report))
            self.sent.append(Sent(report, began, time.monotonic()))

    def _step(self, report: Report) -> None:
        if reporting.report(self._store, report.task_id, [report.step]).completed_task:
            announcing.announce(self._store, report.task_id, self.note_end)

    def _visit(self, report: Report) -> None:
        visit(self._site, EVENT, report.user, clock.now())

    def note_end(self, task: Task) -> None:
        """Note the id under which an end is announced."""
        self.ends.append(task.end_name)


def until_kept(send: Callable[[], object]) -> None:
    """Send something until it is acknowledged."""
    began = time.monotonic()
    while True:
        try:
            send()
        except StoreUnavailable:
            assert time.monotonic() < began + GIVEN_UP_SECONDS, "the store did not come back"
            time.sleep(0.02)
        else:
            return

"""The leases of a worker: its processes take them, its main process renews them while the processes live."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from billiard.process import current_process
from celery.worker import state

from done_app.worker import identity
from done_app.worker.steps.position import NO_STEP, PositionBoard
from donebit.completion import leases, reclaiming
from donebit.completion.leases import LEASE, RENEW_EVERY, Holder, Range, Renewal
from donebit.completion.task import Task
from donebit.errors import BrokerUnavailable, StoreUnavailable
from donebit.queue import RUN_STEPS, Publisher
from donebit.store import Store

RENEW_AT_END_EVERY = timedelta(seconds=0.5)
# After a longer pause, of this process or of the server, other workers must have had time to renew theirs.
TRUSTED_PAUSE = timedelta(seconds=2)

log = logging.getLogger(__name__)

board = PositionBoard()  # made before the pool is forked, so its processes belong to this worker


def own_holder(message_id: str) -> Holder:
    """This process, as it holds the steps of a message."""
    return Holder(message_id, identity.name, os.getpid())


@contextmanager
def at_step() -> Iterator[Any]:
    """Where this process writes the step that it is at; at the end it is at none."""
    slot = board.slot(getattr(current_process(), "index", -1))
    try:
        yield slot
    finally:
        slot[0] = NO_STEP


class Message(NamedTuple):
    """A message with steps that a process of this worker has."""

    task_id: str
    nonce: str
    careful: bool
    holder: Holder


def messages_in_progress() -> list[Message]:
    """The messages with steps that processes of the pool have, as Celery in the main process knows them.

    That is no message of theirs that could get lost, and does not need them to answer.
    """
    while True:
        try:
            requests = list(state.active_requests)
            break
        except RuntimeError:  # the main thread has changed it meanwhile
            continue
    return [
        Message(one.args[0], one.args[1], one.args[3], Holder(one.id, identity.name, one.worker_pid))
        for one in requests
        if one.name == RUN_STEPS and one.worker_pid
    ]


@dataclass(slots=True)
class LeaseKeeper:
    """Renews the leases of this worker's processes, and sends the steps again whose leases ran out."""

    store: Store
    publisher: Publisher
    seen: dict[tuple[Holder, int | None], float] = field(default_factory=dict)  # since when (monotonic)
    ticked_at: float = 0.0
    trusted_from: float = 0.0  # leases that ran out by then may be of workers which could not renew them
    handed_over: bool = False
    _wake: threading.Event = field(default_factory=threading.Event)

    def end(self) -> None:
        """Note that the worker was asked to end; called by a signal handler, so nothing waits here."""
        board.end()
        self._wake.set()

    def run_forever(self) -> None:
        while True:
            self.tick_safely()
            if board.is_ending:
                time.sleep(RENEW_AT_END_EVERY.total_seconds())
            else:
                self._wake.wait(RENEW_EVERY.total_seconds())

    def tick_safely(self) -> None:
        try:
            self.tick()
        except (StoreUnavailable, BrokerUnavailable) as error:
            log.warning("renewing leases failed, retrying: %s", error.in_full)
        except Exception:
            log.exception("the leases on running steps cannot be renewed")

    def tick(self) -> None:
        now = time.monotonic()
        if now - self.ticked_at > TRUSTED_PAUSE.total_seconds():
            self.trusted_from = now + LEASE.total_seconds()
        messages = messages_in_progress()
        self.renew(messages, now)
        if not board.is_ending:
            self.reclaim(now)
        elif not self.handed_over and not board.settles_in():
            self.hand_over(messages)
            self.handed_over = True
        self.ticked_at = now

    def renew(self, messages: list[Message], now: float) -> None:
        """Renew the leases of these messages, one round trip for each task."""
        steps, by_task = board.steps_by_pid(), defaultdict(list)
        places = {(one.holder, steps.get(one.holder.pid)): one for one in messages}
        self.seen = {place: self.seen.get(place, now) for place in places}
        for (holder, step), message in places.items():
            age = timedelta(seconds=now - self.seen[holder, step])
            by_task[message.task_id].append(Renewal(holder, step, age))
        for task_id, renewals in by_task.items():
            leases.renew(self.store, task_id, renewals, ending=board.is_ending)

    def reclaim(self, renewed_at: float) -> None:
        """Send the steps again whose process is gone with its whole worker.

        Not those that have run out since this worker's own were renewed: it may have stood still since, or
        waited for the server.
        """
        if renewed_at < self.trusted_from:
            return
        soon = renewed_at + TRUSTED_PAUSE.total_seconds()
        for task in reclaiming.reclaim_lapsed(self.store, self.send_again, lambda: time.monotonic() < soon):
            log.warning("the worker that ran steps of task %s is gone: they are sent again", task.id)

    def send_again(self, task: Task, ranges: list[Range], careful: bool) -> None:  # noqa: FBT001 - a callback
        self.publisher.run_ranges(task, ranges, careful=careful)

    def hand_over(self, messages: list[Message]) -> None:
        """Send the steps that the processes have not begun to other workers: this one is about to end."""
        steps = board.steps_by_pid()
        for message in messages:
            if (step := steps.get(message.holder.pid)) is None:
                continue
            place = message.task_id, message.nonce, message.holder, step
            leases.hand_over(self.store, *place, self.send_again, careful=message.careful)

"""The permits of a worker: its processes take them, its main process renews them and ends who has lost one.

A step may hold Python's interpreter lock, so the process that runs it can neither renew its permit nor stop
itself: the main process does both. When that dies, the kernel kills its processes (Celery asks it to, by
PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import logging
import math
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from billiard.process import current_process

from done_app.worker.leases import Message, board, messages_in_progress
from donebit.completion import leases, permits
from donebit.completion.leases import LEASE, RENEW_EVERY, Holder
from donebit.completion.permits import Limit
from donebit.completion.task import Task
from donebit.errors import StoreUnavailable
from donebit.store import Store

LOOK_EVERY_SECONDS = 0.2  # a process that lost its permit ends within a second
NONE = 0

log = logging.getLogger(__name__)

# In the main process: those of processes that it has killed, until Celery notes the death.
messages_of_killed = set[str]()


@contextmanager
def held(store: Store, limits: Sequence[Limit], holder: Holder) -> Iterator[bool]:
    """Hold a permit of each limit while steps run; gives whether there was room."""
    slot = board.permit_slot(getattr(current_process(), "index", -1))
    slot[0] = NONE  # what a killed process left there, whose place in the pool this one has
    if not limits:
        yield True
        return
    slot[0] = time.monotonic_ns()  # before it is taken: from then on it is renewed, and missed
    try:
        if not permits.take(store, limits, holder):
            slot[0] = NONE
            yield False
            return
        yield True
    finally:
        slot[0] = NONE  # first: one that is given up is none that was lost
        with suppress(StoreUnavailable):  # then it runs out
            permits.release(store, limits, holder)


@dataclass(slots=True)
class PermitKeeper:
    """Renews the permits of this worker's processes, and kills a process that has lost one."""

    store: Store
    limits_of: Callable[[Task], list[Limit]]
    limits: dict[tuple[str, str], list[Limit]] = field(default_factory=dict)  # by task and nonce
    renewed: dict[tuple[int, int], float] = field(default_factory=dict)  # by process and since when it has it

    def run_forever(self) -> None:
        while True:
            try:
                self.look()
            except Exception:
                log.exception("the permits of running steps cannot be renewed")
            time.sleep(LOOK_EVERY_SECONDS)

    def look(self) -> None:
        """Renew each permit once a second, and end each process whose permit is lost."""
        since = board.permits_by_pid()
        if not since:
            self.renewed.clear()
            return
        messages = {one.holder.pid: one for one in messages_in_progress()}
        self.renewed = {
            (pid, at): self.renewed.get((pid, at), at / 1e9) for pid, at in since.items() if pid in messages
        }
        for pid, at in list(self.renewed):
            self.end_lapsed(messages)  # before each renewal, which may wait for Redis until others are lost
            age = time.monotonic() - self.renewed[pid, at]
            if age > RENEW_EVERY.total_seconds() and not self.renew(messages[pid], pid, at):
                self.end(pid, at, messages[pid])

    def end_lapsed(self, messages: Mapping[int, Message]) -> None:
        """End each process whose permit has run out without an answer from Redis."""
        now = time.monotonic()
        for (pid, at), renewed_at in list(self.renewed.items()):
            if now - renewed_at > LEASE.total_seconds():
                self.end(pid, at, messages[pid])

    def renew(self, message: Message, pid: int, at: int) -> bool:
        """Renew the permits of a message; False when one is lost."""
        asked_at = time.monotonic()
        try:
            known = self.find_limits(message)
            if known and not permits.renew(self.store, known, message.holder):
                return False
        except StoreUnavailable as error:
            log.warning("renewing permits failed, retrying: %s", error.in_full)
            return True  # for as long as it is known to last
        self.renewed[pid, at] = asked_at
        return True

    def find_limits(self, message: Message) -> list[Limit]:
        name = (message.task_id, message.nonce)
        if name not in self.limits:
            if len(self.limits) > 1000:
                self.limits.clear()
            # A step may run for hours after its task was cancelled, and counts for as long.
            task = leases.find_task(self.store, *name, may_have_ended=True)
            if task is None:
                return []
            self.limits[name] = self.limits_of(task)
        return self.limits[name]

    def end(self, pid: int, at: int, message: Message) -> None:
        """Kill a process whose permit is lost: another may run in its place. Its message comes again."""
        self.renewed[pid, at] = math.inf  # not again, while Celery still has its message
        if board.permits_by_pid().get(pid) != at:  # it has given it up meanwhile
            return
        log.warning(
            "process %d has lost its permit to run steps of task %s: it is ended", pid, message.task_id
        )
        messages_of_killed.add(message.holder.message_id)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def was_ended_at(message_id: str) -> bool:
    """Whether the death at a message, which is noted now, is that of a process that had lost its permit.

    The message comes again under its id, and the process that has it then may die of its steps.
    """
    was_ended = message_id in messages_of_killed
    messages_of_killed.discard(message_id)
    return was_ended

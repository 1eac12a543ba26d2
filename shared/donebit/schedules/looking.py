"""Looks at schedules and expectations that are due: any number of processes may look at once."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from donebit import clock
from donebit.completion.lifecycle import FIRST_CHECK_AFTER
from donebit.completion.record import as_texts, is_done_at_once, started_record
from donebit.completion.spec import TaskSpec
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.errors import BrokerUnavailable, StoreUnavailable
from donebit.store import Store
from donebit.store.schedules import DueSchedule, NewTask, ScheduleStore

MOST_PER_LOOK = 1000  # schedules, or expectations
# Each is looked at this often, also when it is not due: no lost entry keeps it from firing for longer.
LOOK_AT_LEAST_EVERY = timedelta(minutes=5)
TICK = timedelta(milliseconds=1)

log = logging.getLogger(__name__)

Publish = Callable[[Task], object]  # sends the steps of a task that was started, or has its end announced


@dataclass(frozen=True, slots=True)
class Looker(ABC):
    """Checks all schedules, or expectations, that are due."""

    KIND: ClassVar[str]  # what they are called in the log

    store: Store
    publish: Publish
    ttls: TaskTtls

    @property
    @abstractmethod
    def entries(self) -> ScheduleStore:
        """Where they are stored."""

    @abstractmethod
    def check(self, name: str, fields: dict[str, str], now: datetime) -> datetime:
        """Do what is due of one, and return when to look at it next."""

    def run(self, now: datetime | None = None) -> int:
        """Check each that is due, and return how many there were."""
        now = now or clock.now()
        due = self.entries.due(clock.ms_since_epoch(now), MOST_PER_LOOK)
        for one, fields in zip(due, self.entries.read(one.name for one in due), strict=True):
            self.look(one, fields, now)
        return len(due)

    def look(self, due: DueSchedule, fields: dict[str, str], now: datetime) -> None:
        """Check one, and set its next look; leave out one that is gone."""
        if not fields:
            self.entries.unindex(due)
            return
        next_look = self.check_safely(due.name, fields, now)
        self.entries.move_if_score(due, clock.ms_since_epoch(next_look))

    def is_ahead(self, fields: dict[str, str], now: datetime) -> bool:
        """Whether a mark, or what waits, is of a clock that was set back since."""
        latest = max(int(fields["mark"]), int(fields.get("queued", 0)))
        return latest > clock.ms_since_epoch(now + clock.SET_BACK)

    def set_mark_back(self, name: str, fields: dict[str, str], now: datetime) -> None:
        """Go on from the present with one whose mark is ahead, unless another look was faster."""
        if self.entries.set_mark_back(name, fields, clock.ms_since_epoch(now)):
            log.warning("%s %s goes on from now: the server's clock was set back", self.KIND, name)

    def check_safely(self, name: str, fields: dict[str, str], now: datetime) -> datetime:
        """Check one; log one that cannot be read, so that the others are still checked."""
        try:
            if self.is_ahead(fields, now):
                self.set_mark_back(name, fields, now)
                return now + TICK  # with the next sweep
            return self.check(name, fields, now)
        except (StoreUnavailable, BrokerUnavailable):  # it would be the same for every other
            raise
        except Exception:
            log.exception("%s %s cannot be checked", self.KIND, name)
            return now + LOOK_AT_LEAST_EVERY

    def enter_task(self, task_id: str, spec: TaskSpec, more: dict[str, str] | None = None) -> NewTask:
        """Enter a task that is about to be started: a stale entry is harmless, a missing one is not.

        Args:
            more: further fields of its record.

        Returns:
            The task, as the script that starts it takes it.
        """
        now = clock.now()
        now_ms = clock.ms_since_epoch(now)
        look_ms = now_ms + FIRST_CHECK_AFTER // timedelta(milliseconds=1)
        self.store.task_index.index_task(task_id, int(now.timestamp() * 1e6), look_ms, self.ttls.index)
        marker = None if is_done_at_once(spec) else spec.count
        return NewTask(
            task_id, marker, started_record(spec, now_ms, self.ttls) | (more or {}), self.ttls.open
        )

    def publish_started(self, task: NewTask) -> None:
        """Publish a task that has been started just now."""
        self.publish(Task.from_record(task.id, as_texts(task.fields)))

"""Fires what is due: any number of processes may look at once, each firing starts its task exactly once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from donebit import clock
from donebit.completion.lifecycle import FIRST_CHECK_AFTER
from donebit.completion.record import as_texts, is_done_at_once, started_record
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.errors import BrokerUnavailable, StoreUnavailable
from donebit.schedules.schedule import Missed, Schedule, task_id_of
from donebit.store import Store
from donebit.store.schedules import DueSchedule, FiringResult, NewTask

MOST_SCHEDULES_PER_LOOK = 1000
MOST_FIRINGS_PER_LOOK = 20  # of one schedule; the others follow with the next look
MOST_COUNTED = 1000  # of the firings that are left out at once
# A schedule is looked at this often, also when it is not due: no lost entry keeps it from firing for longer.
LOOK_AT_LEAST_EVERY = timedelta(minutes=5)
TICK = timedelta(milliseconds=1)

log = logging.getLogger(__name__)

Publish = Callable[[Task], object]  # sends the steps of a task that was started


@dataclass(frozen=True, slots=True)
class Plan:
    """What is due of a schedule at one moment.

    Attributes:
        firings: those to start, in their order
        left_out: how many missed firings before them are not made up for
        mark: up to when all firings are dealt with if there is none to start; None when nothing changes
    """

    firings: list[datetime]
    left_out: int = 0
    mark: datetime | None = None


def plan(schedule: Schedule, now: datetime) -> Plan:
    """Find out which firings of a schedule are to be started now.

    Those that were queued, then those that are due since no longer than the schedule's grace, and of the
    others what its policy says.
    """
    timing = schedule.spec.timing
    queued = schedule.queued(MOST_FIRINGS_PER_LOOK)
    if len(queued) == MOST_FIRINGS_PER_LOOK:
        return Plan(queued)
    base = max(schedule.mark, schedule.queued_until or schedule.mark)
    room = MOST_FIRINGS_PER_LOOK - len(queued)
    if schedule.spec.missed is Missed.ALL:
        return Plan(queued + list(islice(timing.between(base, now), room)))
    too_late = now - schedule.spec.grace - TICK  # what is due then, or was before, is missed
    in_time = list(islice(timing.between(max(base, too_late), now), room))
    last_missed = timing.last(base, too_late)
    if last_missed is None:
        return Plan(queued + in_time)
    left_out = sum(1 for _ in islice(timing.between(base, last_missed), MOST_COUNTED))
    if schedule.spec.missed is Missed.LATEST and not in_time:
        in_time, left_out = [last_missed], left_out - 1
    return Plan(queued + in_time, left_out, last_missed)


@dataclass(frozen=True, slots=True)
class Firer:
    """Starts the tasks of schedules that are due."""

    store: Store
    publish: Publish
    ttls: TaskTtls

    def run(self, now: datetime | None = None) -> int:
        """Check every schedule that is due, and return how many there were."""
        now = now or clock.now()
        due = self.store.schedules.due(clock.ms_since_epoch(now), MOST_SCHEDULES_PER_LOOK)
        for one, fields in zip(due, self.store.schedules.read(one.name for one in due), strict=True):
            self.look_safely(one, fields, now)
        return len(due)

    def look_safely(self, due: DueSchedule, fields: dict[str, str], now: datetime) -> None:
        """Check a schedule; log one that cannot be read, so that the others are still checked."""
        try:
            self.look(due, fields, now)
        except (StoreUnavailable, BrokerUnavailable):  # it would be the same for every other
            raise
        except Exception:
            log.exception("schedule %s cannot be checked", due.name)
            self.look_again(due, now + LOOK_AT_LEAST_EVERY)

    def look(self, due: DueSchedule, fields: dict[str, str], now: datetime) -> None:
        """Start what is due of a schedule, and set its next look."""
        if not fields:
            self.store.schedules.unindex(due)
            return
        schedule = Schedule.from_fields(due.name, fields)
        latest = now + LOOK_AT_LEAST_EVERY
        if schedule.paused:
            self.look_again(due, latest)
        elif self.fire_all(schedule, fields, plan(schedule, now)):
            following = schedule.spec.timing.after(now)
            self.look_again(due, min(following or latest, latest))
        else:
            self.look_again(due, now + TICK)  # with the next sweep

    def look_again(self, due: DueSchedule, at: datetime) -> None:
        self.store.schedules.move_if_score(due, clock.ms_since_epoch(at))

    def fire_all(self, schedule: Schedule, fields: dict[str, str], planned: Plan) -> bool:
        """Start the planned firings; whether all that is due is dealt with."""
        left_out = planned.left_out
        if not planned.firings:
            if planned.mark is None:
                return True
            until_ms = clock.ms_since_epoch(planned.mark)
            log.warning("schedule %s: %d firings were missed, and are left out", schedule.name, left_out)
            return self.store.schedules.pass_firings(
                schedule.name, fields, until_ms=until_ms, left_out=left_out
            )
        for firing in planned.firings:
            result = self.fire(schedule, fields, firing, planned.firings[-1], left_out)
            if result in {FiringResult.CHANGED, FiringResult.QUEUED}:
                return False
            fields = {**fields, "mark": str(clock.ms_since_epoch(firing))}
            if result is FiringResult.STARTED:
                fields["last"] = task_id_of(schedule.name, firing)
            left_out = 0
        return len(planned.firings) < MOST_FIRINGS_PER_LOOK

    def fire(
        self,
        schedule: Schedule,
        fields: dict[str, str],
        firing: datetime,
        queued_until: datetime,
        left_out: int,
    ) -> FiringResult:
        """Start the task of one firing, and send its steps."""
        spec, task_id = schedule.spec.task_at(firing), task_id_of(schedule.name, firing)
        now = clock.now()
        now_ms = clock.ms_since_epoch(now)
        record = started_record(spec, now_ms, self.ttls)
        # Before the task is made: a stale entry is harmless, a missing one is not.
        look_ms = now_ms + FIRST_CHECK_AFTER // timedelta(milliseconds=1)
        self.store.task_index.index_task(task_id, int(now.timestamp() * 1e6), look_ms, self.ttls.index)
        result = self.store.schedules.fire_schedule(
            schedule.name,
            fields,
            NewTask(task_id, None if is_done_at_once(spec) else spec.count, record, self.ttls.open),
            firing_ms=clock.ms_since_epoch(firing),
            overlap=schedule.spec.overlap,
            queued_ms=clock.ms_since_epoch(queued_until),
            left_out=left_out,
        )
        self.log_result(result, schedule, task_id)
        if result is FiringResult.STARTED:
            self.publish(Task.from_record(task_id, as_texts(record)))
        return result

    def log_result(self, result: FiringResult, schedule: Schedule, task_id: str) -> None:
        if result is FiringResult.STARTED:
            log.info("task %s is started by schedule %s", task_id, schedule.name)
        elif result is FiringResult.SKIPPED:
            log.warning("schedule %s: its last task still runs, so %s is skipped", schedule.name, task_id)
        elif result is FiringResult.EXISTS:
            log.warning("schedule %s: another task %s exists", schedule.name, task_id)

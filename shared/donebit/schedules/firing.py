"""Fires what is due: any number of processes may look at once, each firing starts its task exactly once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from donebit import clock
from donebit.completion import lifecycle
from donebit.completion.state import State
from donebit.errors import NotFound
from donebit.schedules.looking import LOOK_AT_LEAST_EVERY, TICK, Looker
from donebit.schedules.schedule import Missed, Overlap, Schedule, task_id_of
from donebit.store.schedules import FiringResult, ScheduleStore
from donebit.throttled_log import Intervals

MOST_FIRINGS_PER_LOOK = 20  # of one schedule; the others follow with the next look
MOST_COUNTED = 1000  # of the firings that are left out at once

log = logging.getLogger(__name__)
waiting = Intervals(timedelta(minutes=1))


def always() -> bool:
    return True


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
class Firer(Looker):
    """Starts the tasks of schedules that are due."""

    KIND = "schedule"

    has_room: Callable[[], bool] = always  # whether one more task may be open; else what is due waits

    @property
    def entries(self) -> ScheduleStore:
        """The schedules."""
        return self.store.schedules

    def check(self, name: str, fields: dict[str, str], now: datetime) -> datetime:
        """Start what is due of a schedule, and return when to look at it next."""
        schedule = Schedule.from_fields(name, fields)
        latest = now + LOOK_AT_LEAST_EVERY
        if schedule.paused:
            return latest
        if not self.fire_all(schedule, fields, plan(schedule, now)):
            return now + TICK  # with the next sweep
        return min(schedule.spec.timing.after(now) or latest, latest)

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
            if not (self.has_room() or self.gives_way(schedule, fields.get("last"))):
                if waiting.is_due(schedule.name):
                    log.warning("schedule %s waits: MAX_OPEN_TASKS tasks have not ended", schedule.name)
                return False
            result = self.fire(schedule, fields, firing, planned.firings[-1], left_out)
            if result in {FiringResult.CHANGED, FiringResult.QUEUED}:
                return False
            fields = {**fields, "mark": str(clock.ms_since_epoch(firing))}
            if result is FiringResult.STARTED:
                fields["last"] = task_id_of(schedule.name, firing)
            left_out = 0
        return len(planned.firings) < MOST_FIRINGS_PER_LOOK

    def gives_way(self, schedule: Schedule, last: str | None) -> bool:
        """Whether a firing starts nothing now, as the last task still runs: so it needs no room."""
        if last is None or schedule.spec.overlap is Overlap.ALLOW:
            return False
        with suppress(NotFound):
            return lifecycle.get_task(self.store, last).task.state is State.RUNNING
        return False

    def fire(
        self,
        schedule: Schedule,
        fields: dict[str, str],
        firing: datetime,
        queued_until: datetime,
        left_out: int,
    ) -> FiringResult:
        """Start the task of one firing, and send its steps."""
        task = self.enter_task(task_id_of(schedule.name, firing), schedule.spec.task_at(firing))
        result = self.store.schedules.fire_schedule(
            schedule.name,
            fields,
            task,
            firing_ms=clock.ms_since_epoch(firing),
            overlap=schedule.spec.overlap,
            queued_ms=clock.ms_since_epoch(queued_until),
            left_out=left_out,
        )
        self.log_result(result, schedule, task.id)
        if result is FiringResult.STARTED:
            self.publish_started(task)
        return result

    def log_result(self, result: FiringResult, schedule: Schedule, task_id: str) -> None:
        if result is FiringResult.STARTED:
            log.info("task %s is started by schedule %s", task_id, schedule.name)
        elif result is FiringResult.SKIPPED:
            log.warning("schedule %s: its last task still runs, so %s is skipped", schedule.name, task_id)
        elif result is FiringResult.EXISTS:
            log.warning("schedule %s: another task %s exists", schedule.name, task_id)

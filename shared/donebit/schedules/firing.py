"""Fires what is due: any number of processes may look at once, each firing starts its task exactly once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
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
        left_out: how many missed firings are not made up for
        mark: up to when they are; None when none is left out
        queued_until: up to when firings wait while the last task runs; there may be more than are started now
    """

    firings: list[datetime]
    left_out: int = 0
    mark: datetime | None = None
    queued_until: datetime | None = None


def plan(schedule: Schedule, now: datetime) -> Plan:
    """Find out which firings of a schedule are to be started now.

    Those that were queued, then those that are due since no longer than the schedule's grace, and of the
    others what its policy says.
    """
    timing, missed = schedule.spec.timing, schedule.spec.missed
    base = max(schedule.mark, schedule.queued_until or schedule.mark)
    last_missed = timing.last(base, now - schedule.spec.grace - TICK)
    if missed is Missed.ALL or last_missed is None:
        return _due_after(schedule, base, now)
    mark, left_out = last_missed, sum(1 for _ in islice(timing.between(base, last_missed), MOST_COUNTED))
    if missed is Missed.LATEST and timing.last(last_missed, now) is None:
        mark, left_out = last_missed - TICK, left_out - 1
    return replace(_due_after(schedule, mark, now), left_out=left_out, mark=mark if left_out else None)


def _due_after(schedule: Schedule, moment: datetime, now: datetime) -> Plan:
    """The plan of those that were queued, and of all that are due since a moment."""
    timing, queued = schedule.spec.timing, schedule.queued(MOST_FIRINGS_PER_LOOK)
    due = islice(timing.between(moment, now), MOST_FIRINGS_PER_LOOK - len(queued))
    until = timing.last(moment, now) or schedule.queued_until
    return Plan([*queued, *due], queued_until=until)


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
        if planned.mark is not None and not (fields := self.leave_out(schedule, fields, planned)):
            return False
        for firing in planned.firings:
            if not (self.has_room() or self.gives_way(schedule, fields.get("last"))):
                if waiting.is_due(schedule.name):
                    log.warning("schedule %s waits: MAX_OPEN_TASKS tasks have not ended", schedule.name)
                return False
            result = self.fire(schedule, fields, firing, planned.queued_until or firing)
            if result in {FiringResult.CHANGED, FiringResult.QUEUED}:
                return False
            fields = {**fields, "mark": str(clock.ms_since_epoch(firing))}
            if result is FiringResult.STARTED:
                fields["last"] = task_id_of(schedule.name, firing)
        return len(planned.firings) < MOST_FIRINGS_PER_LOOK

    def leave_out(self, schedule: Schedule, fields: dict[str, str], planned: Plan) -> dict[str, str]:
        """Leave out what was missed; the schedule's fields then, none if it has changed."""
        mark_ms, name = clock.ms_since_epoch(planned.mark or schedule.mark), schedule.name
        waits = bool(schedule.queued(1))
        if not self.entries.pass_firings(
            name, fields, until_ms=mark_ms, left_out=planned.left_out, waits=waits
        ):
            return {}
        log.warning("schedule %s: %d firings were missed, and are left out", name, planned.left_out)
        return {**fields, "queued" if waits else "mark": str(mark_ms)}

    def gives_way(self, schedule: Schedule, last: str | None) -> bool:
        """Whether a firing starts nothing now, as the last task still runs: so it needs no room."""
        if last is None or schedule.spec.overlap is Overlap.ALLOW:
            return False
        with suppress(NotFound):
            return lifecycle.get_task(self.store, last).task.state is State.RUNNING
        return False

    def fire(
        self, schedule: Schedule, fields: dict[str, str], firing: datetime, queued_until: datetime
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

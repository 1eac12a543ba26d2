"""Makes, changes and runs the schedules that requests ask for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta

from donebit import clock
from donebit.completion import changing, lifecycle
from donebit.errors import InvalidInput, NotFound
from donebit.schedules import changes
from donebit.schedules.changes import Saved
from donebit.schedules.schedule import ScheduleSpec
from donebit.schedules.timing import checked
from donebit.web import audit
from trigger_app.orders import spec_of
from trigger_app.schedules.models import NewScheduleBody, ScheduleBody
from trigger_app.starting import StartedTask, Starter

ID_DIGITS = 12  # of a task that is started out of turn


@dataclass(frozen=True, slots=True)
class Scheduler:
    """Checks what a schedule would start as a request for it is checked, and stores it."""

    starter: Starter

    def create(self, body: NewScheduleBody) -> Saved:
        """Make a schedule. Raises as changes.create, and InvalidInput for what no worker could run."""
        saved = changes.create(
            self.starter.store, body.name, self.spec_of(body, body.name), paused=body.paused
        )
        if saved.fresh:
            audit.name(f"schedule {body.name}", body.cron)
        return saved

    def replace(self, name: str, body: ScheduleBody) -> Saved:
        """Change a schedule, or make it. Raises as create."""
        return changes.replace(self.starter.store, name, self.spec_of(body, name))

    def spec_of(self, body: ScheduleBody, name: str) -> ScheduleSpec:
        """Turn a body into a specification, checked.

        Raises:
            InvalidInput: its times cannot be read, or what it starts could not be run.
        """
        settings = self.starter.settings
        now = clock.now()
        timing = checked(body.cron, settings.zone if body.zone is None else body.zone, now)
        task = spec_of(body.task, self.starter.checker.jobs, settings.stall_after)
        task = replace(task, label=task.label or name)
        grace = timedelta(seconds=body.grace)
        spec = ScheduleSpec(timing, task, body.missed, body.overlap, grace, body.time_param)
        if body.time_param in task.params:
            raise InvalidInput(
                f"time_param is {body.time_param!r}, which params have already", field="time_param"
            )
        self.starter.checker.check(spec.task_at(now))
        return spec

    def run(self, name: str, reply_key: str | None) -> StartedTask:
        """Start a schedule's task now, out of turn. Its firings stay as they are.

        Args:
            reply_key: an Idempotency-Key; the same again finds the task that the first call started.

        Raises:
            NotFound: no such schedule.
            InvalidInput: no worker could run it any more.
            Conflict: two requests with one key at once, and the schedule was changed in between.
        """
        schedule = changes.get(self.starter.store, name)
        token = changing.call_token(reply_key, "run", name)
        task_id = f"{name}.{hashlib.sha256(token.encode()).hexdigest()[:ID_DIGITS]}"
        try:  # by this key before: with the time of then, and as the schedule was then
            spec = lifecycle.get_task(self.starter.store, task_id).task.spec
        except NotFound:
            spec = schedule.spec.task_at(clock.now())
        return self.starter.start(spec, task_id)

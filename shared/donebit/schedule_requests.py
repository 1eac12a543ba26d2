"""The client's requests about schedules, which start tasks by the clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from donebit import schedule_calls
from donebit.call_running import CallRunner
from donebit.schedule_calls import ExpectationState, ScheduleState


class ScheduleRequests(CallRunner):
    """Reads and changes schedules."""

    def schedule(
        self,
        name: str,
        cron: str,
        *,
        count: int | None = None,
        job: str | None = None,
        params: Mapping[str, Any] | None = None,
        zone: str | None = None,
        **more: object,
    ) -> ScheduleState:
        """Make a schedule, or change the one of this name: a program may call it at each of its starts.

        Args:
            name: At most 70 characters; the ids of its tasks begin with it.
            cron: Minute, hour, day of the month, month and day of the week, or a name such as @daily.
            count: The number of steps of each task.
            job: The name of the job that runs the steps. None: your program runs and reports them.
            params: The keyword parameters of the job's function.
            zone: Whose wall clock is meant, an IANA name. None: that of the services.
            more: Any other field of `PUT /schedules/{name}`: missed (none, latest or all), overlap (skip,
                queue or allow), grace, time_param; or of `POST /tasks`: label, priority, webhook, callback,
                then.

        Returns:
            The schedule as it is now.

        Raises:
            InvalidInput: The name, the count or the params are not valid. Nothing was sent.
            ApiError: 422 for an invalid field.
            ServiceUnreachable: trigger_app did not answer within `timeout_seconds`.
        """
        fields = {"count": count, "job": job, "zone": zone, **more}
        return self._run(schedule_calls.schedule(name, cron, params, fields))

    def get_schedule(self, name: str) -> ScheduleState:
        """Return a schedule. Raises ApiError with 404 for one that is unknown, and as `schedule`."""
        return self._run(schedule_calls.get(name))

    def schedules(self) -> list[ScheduleState]:
        """Return all schedules by name. Raises as `schedule`."""
        return self._run(schedule_calls.list_all())

    def pause_schedule(self, name: str) -> ScheduleState:
        """Pause a schedule: nothing fires until it is resumed. Raises as `get_schedule`."""
        return self._run(schedule_calls.change(name, "pause"))

    def resume_schedule(self, name: str) -> ScheduleState:
        """Resume a paused schedule; what was due meanwhile is not made up for. Raises as `get_schedule`."""
        return self._run(schedule_calls.change(name, "resume"))

    def run_schedule(self, name: str) -> str:
        """Start a schedule's task now, out of turn. Raises as `get_schedule`.

        Returns:
            The task's id.
        """
        return self._run(schedule_calls.run(name))

    def delete_schedule(self, name: str) -> None:
        """Delete a schedule; the tasks that it has started stay.

        Where an answer was lost, one that is gone by the next try is deleted. Raises as `get_schedule`.
        """
        self._run(schedule_calls.delete(name))

    def expect(self, name: str, cron: str, **more: object) -> ExpectationState:
        """Expect a task to be done before each deadline: a miss is announced once, as is its recovery.

        Args:
            name: At most 70 characters. One of this name is changed.
            cron: The deadlines, as of `schedule`.
            more: Any other field of `PUT /expectations/{name}`: label, job or prefix of the tasks that are
                meant (at least one), expected (done or started), zone, within, webhook, callback.

        Returns:
            The expectation as it is now.

        Raises:
            InvalidInput: The name is not valid. Nothing was sent.
            ApiError: 422 for an invalid field.
            ServiceUnreachable: trigger_app did not answer within `timeout_seconds`.
        """
        return self._run(schedule_calls.expect(name, cron, more))

    def expectations(self) -> list[ExpectationState]:
        """Return all expectations by name. Raises as `expect`."""
        return self._run(schedule_calls.list_expectations())

    def pause_expectation(self, name: str) -> ExpectationState:
        """Pause an expectation: no deadline is judged. Raises ApiError with 404 for one that is unknown."""
        return self._run(schedule_calls.change_expectation(name, "pause"))

    def resume_expectation(self, name: str) -> ExpectationState:
        """Resume a paused expectation from its next deadline on. Raises as `pause_expectation`."""
        return self._run(schedule_calls.change_expectation(name, "resume"))

    def delete_expectation(self, name: str) -> None:
        """Delete an expectation. Raises ApiError with 404 for one that is unknown."""
        self._run(schedule_calls.delete_expectation(name))

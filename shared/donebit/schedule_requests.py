"""The client's requests about schedules, which start tasks by the clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, cast

from donebit.names import checked_name
from donebit.transport import TRIGGER_APP, Transport

PER_PAGE = 1000
OF_SCHEDULE = {"missed", "overlap", "grace", "time_param"}  # the other fields are the task's


class ScheduleState(TypedDict):
    """A schedule as `GET /schedules/{name}` answers it; the answer may have more fields than these."""

    name: str
    cron: str
    zone: str
    task: dict[str, Any]  # what each firing starts
    missed: str  # none, latest or all
    overlap: str  # skip, queue or allow
    paused: bool
    next_at: str | None  # its next firing, ISO 8601, UTC; None while it is paused
    last_firing_at: str | None
    last_task_id: str | None
    waiting: int  # firings that wait for the last task to end
    started: int  # firings that started a task
    skipped: int  # firings left out as the last task still ran
    left_out: int  # missed firings that were not made up for


class ExpectationState(TypedDict):
    """An expectation as `GET /expectations/{name}` answers it; the answer may have more fields."""

    name: str
    cron: str
    zone: str
    expected: str  # done or started
    met: bool
    missed_at: str | None  # the deadline since which it is missed, ISO 8601, UTC
    next_deadline: str | None
    missed: int  # how many deadlines were missed


class ScheduleRequests:
    """Reads and changes schedules."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

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
                queue or allow), grace, time_param; or of `POST /tasks`: label, webhook, callback, then.

        Returns:
            The schedule as it is now.

        Raises:
            InvalidInput: The name is not valid. Nothing was sent.
            ApiError: 422 for an invalid field.
            ServiceUnreachable: trigger_app did not answer within `timeout_seconds`.
        """
        given = {"count": count, "job": job, "params": dict(params) if params else None} | more
        of_task = {field: value for field, value in given.items() if field not in OF_SCHEDULE}
        body: dict[str, object] = {"cron": cron, "zone": zone}
        body |= {field: value for field, value in more.items() if field in OF_SCHEDULE}
        body["task"] = {field: value for field, value in of_task.items() if value is not None}
        return cast(ScheduleState, self._ask("PUT", name, body=body))

    def get_schedule(self, name: str) -> ScheduleState:
        """Return a schedule. Raises ApiError with 404 for one that is unknown, and as `schedule`."""
        return cast(ScheduleState, self._ask("GET", name))

    def schedules(self) -> list[ScheduleState]:
        """Return all schedules by name. Raises as `schedule`."""
        found: list[ScheduleState] = []
        after = ""
        while True:
            path = f"/schedules?limit={PER_PAGE}{after}"
            page = self._transport.request(TRIGGER_APP, "GET", path)
            found += page["schedules"]
            if page["next"] is None:
                return found
            after = f"&after={page['next']}"

    def pause_schedule(self, name: str) -> ScheduleState:
        """Pause a schedule: nothing fires until it is resumed. Raises as `get_schedule`."""
        return cast(ScheduleState, self._ask("POST", name, "/pause"))

    def resume_schedule(self, name: str) -> ScheduleState:
        """Resume a paused schedule; what was due meanwhile is not made up for. Raises as `get_schedule`."""
        return cast(ScheduleState, self._ask("POST", name, "/resume"))

    def run_schedule(self, name: str) -> str:
        """Start a schedule's task now, out of turn. Raises as `get_schedule`.

        Returns:
            The task's id.
        """
        return str(self._ask("POST", name, "/run")["task_id"])

    def delete_schedule(self, name: str) -> None:
        """Delete a schedule; the tasks that it has started stay. Raises as `get_schedule`."""
        self._ask("DELETE", name)

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
        path = f"/expectations/{checked_name(name, 'name')}"
        found = self._transport.request(TRIGGER_APP, "PUT", path, {"cron": cron, **more})
        return cast(ExpectationState, found)

    def expectations(self) -> list[ExpectationState]:
        """Return all expectations by name. Raises as `expect`."""
        found = self._transport.request(TRIGGER_APP, "GET", "/expectations")["expectations"]
        return cast(list[ExpectationState], found)

    def delete_expectation(self, name: str) -> None:
        """Delete an expectation. Raises ApiError with 404 for one that is unknown."""
        self._transport.request(TRIGGER_APP, "DELETE", f"/expectations/{checked_name(name, 'name')}")

    def _ask(self, method: str, name: str, change: str = "", body: Mapping[str, object] | None = None) -> Any:
        path = f"/schedules/{checked_name(name, 'name')}{change}"
        return self._transport.request(TRIGGER_APP, method, path, body)

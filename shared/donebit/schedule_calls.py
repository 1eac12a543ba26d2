"""The calls of both clients about schedules, which start tasks by the clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, cast

from donebit.calls import Call, checked_job, checked_params
from donebit.names import checked_name
from donebit.step_numbers import natural
from donebit.transport import TRIGGER_APP, ServiceRequest

PER_PAGE = 1000
OF_SCHEDULE = {"zone", "missed", "overlap", "grace", "time_param"}  # the other fields are the task's


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
    paused: bool
    next_deadline: str | None
    missed: int  # how many deadlines were missed


def schedule(
    name: str, cron: str, params: Mapping[str, Any] | None, fields: Mapping[str, object]
) -> Call[ScheduleState]:
    """Make a schedule, or change the one of this name.

    Args:
        params: The parameters of the job's function.
        fields: Further fields, of the schedule or of its task; those that are None are left out.
    """
    given: dict[str, object] = {
        **fields,
        "job": checked_job(fields.get("job")),
        "params": checked_params(params),
    }
    given = {field: value for field, value in given.items() if value is not None}
    given |= {"count": natural(given["count"], "count")} if "count" in given else {}
    body: dict[str, object] = {"cron": cron}
    body |= {field: value for field, value in given.items() if field in OF_SCHEDULE}
    body["task"] = {field: value for field, value in given.items() if field not in OF_SCHEDULE}
    return cast(ScheduleState, (yield _request("PUT", name, body=body)))


def get(name: str) -> Call[ScheduleState]:
    """Return a schedule."""
    return cast(ScheduleState, (yield _request("GET", name)))


def list_all() -> Call[list[ScheduleState]]:
    """Return all schedules by name."""
    found: list[ScheduleState] = []
    after = ""
    while True:
        page = yield ServiceRequest(TRIGGER_APP, "GET", f"/schedules?limit={PER_PAGE}{after}")
        found += page["schedules"]
        if page["next"] is None:
            return found
        after = f"&after={page['next']}"


def change(name: str, action: str) -> Call[ScheduleState]:
    """Pause or resume a schedule."""
    return cast(ScheduleState, (yield _request("POST", name, f"/{action}")))


def run(name: str) -> Call[str]:
    """Start a schedule's task now, and return the task's id."""
    answer = yield _request("POST", name, "/run")
    return str(answer["task_id"])


def delete(name: str) -> Call[None]:
    """Delete a schedule."""
    yield _request("DELETE", name)


def expect(name: str, cron: str, more: Mapping[str, object]) -> Call[ExpectationState]:
    """Expect a task to be done, or started, before each deadline."""
    checked_job(more.get("job"))
    wanted = ServiceRequest(TRIGGER_APP, "PUT", _expectation(name), {"cron": cron, **more})
    return cast(ExpectationState, (yield wanted))


def list_expectations() -> Call[list[ExpectationState]]:
    """Return all expectations by name."""
    answer = yield ServiceRequest(TRIGGER_APP, "GET", "/expectations")
    return cast(list[ExpectationState], answer["expectations"])


def change_expectation(name: str, action: str) -> Call[ExpectationState]:
    """Pause or resume an expectation."""
    wanted = ServiceRequest(TRIGGER_APP, "POST", f"{_expectation(name)}/{action}")
    return cast(ExpectationState, (yield wanted))


def delete_expectation(name: str) -> Call[None]:
    """Delete an expectation."""
    yield ServiceRequest(TRIGGER_APP, "DELETE", _expectation(name))


def _expectation(name: str) -> str:
    return f"/expectations/{checked_name(name, 'name')}"


def _request(
    method: str, name: str, change: str = "", body: Mapping[str, object] | None = None
) -> ServiceRequest:
    return ServiceRequest(TRIGGER_APP, method, f"/schedules/{checked_name(name, 'name')}{change}", body)

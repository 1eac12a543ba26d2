"""The client's requests about one task: what it is, and how it is changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, cast

from donebit.errors import InvalidInput
from donebit.names import checked_name
from donebit.step_numbers import natural
from donebit.transport import DONE_APP, TRIGGER_APP, Transport


class Task(TypedDict):
    """A task as `GET /tasks/{id}` answers it; the answer may have more fields than these."""

    task_id: str
    job: str | None
    count: int
    done_steps: int
    failed_steps: int
    state: str  # running, done, failed or cancelled
    stalled: bool
    paused: bool
    progress: float  # 0 to 1
    created_at: str  # ISO 8601, UTC
    ended_at: str | None
    last_progress_at: str
    missing: list[list[int]]  # the first missing steps, as half-open ranges
    results: int  # how many of its steps have one
    open: bool  # it takes more steps, and cannot end, until it is closed
    messages_sent: int  # for its steps, in this run


class Report(TypedDict):
    """The result of reporting steps."""

    task_id: str
    fresh: int  # how many of the steps were not done before
    completed_task: bool  # whether this report ended the task
    state: str
    done_steps: int
    count: int


class TaskRequests:
    """Reads and changes tasks that were started."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, task_id: str) -> Task:
        """Return the task's present state.

        Raises:
            ApiError: 404 if the task is unknown or expired.
            ServiceUnreachable: done_app did not answer within `timeout_seconds`.
        """
        return self._get(task_id)

    def extend(
        self,
        task_id: str,
        *,
        add: int | None = None,
        count: int | None = None,
        expected: int | None = None,
    ) -> Task:
        """Add steps to a running task. A try whose answer is lost adds them once.

        Args:
            task_id: The task's id.
            add: How many steps more; of two who add at once each adds its own. Or, in its place,
            count: The new total.
            expected: The total that the task must have before. None: any.

        Returns:
            The task as it is now.

        Raises:
            InvalidInput: Not just one of add and count is given, or a value is not an integer from 0. Nothing
                was sent.
            ApiError: 404 if the task is unknown or expired, 409 if it has ended or has another total than
                expected, 422 if the new total is not above the old one or is too large.
            ServiceUnreachable: done_app did not answer within `timeout_seconds`; the steps may be added.
        """
        if (add is None) is (count is None):
            raise InvalidInput("extend takes either add, or count, the new total", field="count")
        given = {"add": add, "count": count, "from": expected}
        body = {name: natural(value, name) for name, value in given.items() if value is not None}
        return cast(Task, self._post(task_id, "extend", body))

    def pause(self, task_id: str) -> Task:
        """Pause a running task: steps in progress finish, and no further one begins until it is resumed.

        Steps that are reported meanwhile count, and may end it.

        Returns:
            The task as it is now, its `state` running and `paused` true.

        Raises:
            ApiError: 404 if the task is unknown or expired, 409 if it has ended.
            ServiceUnreachable: done_app did not answer within `timeout_seconds`; the task may be paused.
        """
        return cast(Task, self._post(task_id, "pause"))

    def resume(self, task_id: str) -> Task:
        """Resume a paused, failed, cancelled or stalled task. Steps that are done stay done.

        Returns:
            The task as it is now.

        Raises:
            ApiError: 404 if the task is unknown or expired, 409 if it is done, or running as it should.
            ServiceUnreachable: done_app did not answer within `timeout_seconds`; the task may run again.
        """
        return cast(Task, self._post(task_id, "resume"))

    def rerun(self, task_id: str, params: Mapping[str, Any] | None = None) -> str:
        """Start a new task with the order of an old one, while the old one's record is kept.

        Args:
            task_id: The old task's id.
            params: Parameters to change; the others stay as they were.

        Returns:
            The new task's id.

        Raises:
            ApiError: 404 if the old task is unknown or expired, 422 if no worker could run it.
            ServiceUnreachable: trigger_app did not answer within `timeout_seconds`.
        """
        path = f"/tasks/{checked_name(task_id, 'task_id')}/rerun"
        body = {"params": dict(params)} if params else {}
        return str(self._transport.request(TRIGGER_APP, "POST", path, body)["task_id"])

    def close_task(self, task_id: str, *, expected: int | None = None) -> Task:
        """Close an open task: it takes no more steps, and ends once all it has are done or failed.

        Args:
            task_id: The task's id.
            expected: The total that the task must have. None: any.

        Returns:
            The task as it is now.

        Raises:
            ApiError: 404 if the task is unknown or expired, 409 if it has ended, is not open or has another
                total than expected.
            ServiceUnreachable: done_app did not answer within `timeout_seconds`; the task may be closed.
        """
        query = "" if expected is None else f"?count={natural(expected, 'expected')}"
        return cast(Task, self._post(task_id, f"close{query}"))

    def _get(self, task_id: str, within_seconds: float | None = None) -> Task:
        path = f"/tasks/{checked_name(task_id, 'task_id')}"
        return cast(Task, self._transport.request(DONE_APP, "GET", path, within_seconds=within_seconds))

    def _post(self, task_id: str, resource: str, body: Mapping[str, object] | bytes | None = None) -> object:
        path = f"/tasks/{checked_name(task_id, 'task_id')}/{resource}"
        return self._transport.request(DONE_APP, "POST", path, body)

"""The client's requests about one task: what it is, and how it is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from donebit import calls
from donebit.call_running import CallRunner
from donebit.task_types import Task


class TaskRequests(CallRunner):
    """Reads and changes tasks that were started."""

    def get(self, task_id: str) -> Task:
        """Return the task's present state.

        Raises:
            ApiError: 404 if the task is unknown or expired.
            ServiceUnreachable: done_app did not answer within `timeout_seconds`.
        """
        return self._run(calls.get(task_id))

    def extend(
        self,
        task_id: str,
        *,
        add: int | None = None,
        count: int | None = None,
        items: Iterable[object] | None = None,
        expected: int | None = None,
    ) -> Task:
        """Add steps to a running task. A try whose answer is lost adds them once.

        Args:
            task_id: The task's id.
            add: How many steps more; of two who add at once each adds its own. Or, in its place,
            count: The new total. Or, if the task's steps have items,
            items: JSON values, one for each step more. All of them go in one request, so all or none are
                added; more than one may have are refused, and take several calls.
            expected: The total that the task must have before. None: any.

        Returns:
            The task as it is now.

        Raises:
            InvalidInput: Not just one of add, count and items is given, a number is not an integer from 0, or
                an item cannot be written as JSON. Nothing was sent.
            ApiError: 404 if the task is unknown or expired, 409 if it has ended or has another total than
                expected, 413 or 422 if the items are too many for a request, 422 if the new total is not
                above the old one or is too large, or an item is not what the job takes.
            ServiceUnreachable: done_app did not answer within `timeout_seconds`; the steps may be added.
        """
        return self._run(calls.extend(task_id, add, count, items, expected))

    def pause(self, task_id: str) -> Task:
        """Pause a running task: steps in progress finish, and no further one begins until it is resumed.

        Steps that are reported meanwhile count, and may end it.

        Returns:
            The task as it is now, its `state` running and `paused` true.

        Raises:
            ApiError: 404 if the task is unknown or expired, 409 if it has ended.
            ServiceUnreachable: done_app did not answer within `timeout_seconds`; the task may be paused.
        """
        return self._run(calls.change(task_id, "pause"))

    def resume(self, task_id: str) -> Task:
        """Resume a paused, failed, cancelled or stalled task. Steps that are done stay done.

        Returns:
            The task as it is now.

        Raises:
            ApiError: 404 if the task is unknown or expired, 409 if it is done, or running as it should.
            ServiceUnreachable: done_app did not answer within `timeout_seconds`; the task may run again.
        """
        return self._run(calls.change(task_id, "resume"))

    def cancel(self, task_id: str) -> Task:
        """Cancel a running task: no further step begins, and it ends as cancelled.

        Returns:
            The task as it is now.

        Raises:
            ApiError: 404 if the task is unknown or expired, 409 if it has ended.
            ServiceUnreachable: done_app did not answer within `timeout_seconds`; the task may be cancelled.
        """
        return self._run(calls.change(task_id, "cancel"))

    def retry(self, task_id: str, steps: Iterable[int] = (), *, group: str | None = None) -> Task:
        """Try some failed steps of a failed or running task again; `resume` tries all of them.

        Args:
            task_id: The task's id.
            steps: Failed steps; those of them that did not fail are left as they are.
            group: In place of steps, the id of a group of `GET /tasks/{id}/failures/groups`.

        Returns:
            The task as it is then.

        Raises:
            InvalidInput: Neither steps nor a group is given, or both. Nothing was sent.
            ApiError: 404 if the task is unknown or expired, 409 if none of the steps has failed, 422 if the
                task does not have such a step.
            ServiceUnreachable: done_app did not answer within `timeout_seconds`.
        """
        return self._run(calls.retry(task_id, steps, group))

    def rerun(self, task_id: str, params: Mapping[str, Any] | None = None) -> str:
        """Start a new task with the order of an old one, while the old one's record is kept.

        Args:
            task_id: The old task's id.
            params: Parameters to change; the others stay as they were.

        Returns:
            The new task's id.

        Raises:
            InvalidInput: The params are no mapping. Nothing was sent.
            ApiError: 404 if the old task is unknown or expired, 422 if no worker could run it.
            ServiceUnreachable: trigger_app did not answer within `timeout_seconds`.
        """
        return self._run(calls.rerun(task_id, params))

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
        return self._run(calls.close_task(task_id, expected))

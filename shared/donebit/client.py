"""Start tasks in Donebit and report their steps, from any program, over HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from donebit import calls
from donebit.calls import ResultPart
from donebit.names import checked_name
from donebit.results import Results, StoredResults
from donebit.schedule_requests import ScheduleRequests
from donebit.task_requests import TaskRequests
from donebit.task_types import Report, Task
from donebit.transport import Transport


class Donebit(TaskRequests, ScheduleRequests):
    """A client of trigger_app and done_app.

    Threads may share one. A process forked after its first use opens connections of its own. Use it as a
    context manager, or call `close`, to close its connections; otherwise they close when it is garbage
    collected.

    A lost connection, a timeout and the statuses 502, 503 and 504 are retried with growing pauses. All tries
    of a call carry one `Idempotency-Key`, so a report counts once and its answer is not lost.
    """

    def __init__(
        self,
        trigger_url: str | None = None,
        done_url: str | None = None,
        token: str | None = None,
        *,
        timeout_seconds: float = 60.0,
    ) -> None:
        """Make a client. Nothing is sent yet.

        Args:
            trigger_url: The address of trigger_app. Default: TRIGGER_URL, else HOST and TRIGGER_PORT, else
                http://127.0.0.1:8098.
            done_url: The address of done_app. Default: DONE_URL, else HOST and DONE_PORT, else
                http://127.0.0.1:8097.
            token: The services' API token. Default: API_TOKEN; without that none is sent.
            timeout_seconds: How long a call is retried before it raises. 0: one try.

        Raises:
            InvalidInput: An address is not an http or https URL, the token cannot be sent, or the timeout is
                no number from 0.
        """
        super().__init__(Transport(trigger_url, done_url, token, timeout_seconds))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. A later call opens new ones."""
        self._transport.close()

    def start(
        self,
        count: int | None = None,
        *,
        job: str | None = None,
        params: Mapping[str, Any] | None = None,
        task_id: str | None = None,
        **more: object,
    ) -> str:
        """Start a task of `count` steps, numbered from 0.

        Args:
            count: The number of steps, 0 or more. Only an open task may leave it out.
            job: The name of the job that runs the steps. None: your program runs and reports them.
            params: The keyword parameters of the job's function, as JSON can hold them.
            task_id: The task's id; generated when left out. The same id again is the same task.
            more: Any other field of `POST /tasks`: label, batch, stall_after, ended_ttl, webhook,
                callback, then, open, priority (normal or high), max_concurrency, fail_fast.

        Returns:
            The task's id.

        Raises:
            InvalidInput: A value is of the wrong type or out of bounds. Nothing was sent.
            ApiError: The task was refused: 409 if the id exists with another body, 422 for an invalid field.
            ServiceUnreachable: trigger_app did not answer within `timeout_seconds`.
        """
        return self._run(calls.start(count, job, params, task_id, more))

    def map(
        self,
        job: str,
        items: Iterable[object],
        *,
        params: Mapping[str, Any] | None = None,
        task_id: str | None = None,
        **more: object,
    ) -> str:
        """Start a task with a step for each item, which the job's function is given.

        What does not fit into one request is sent in pieces to an open task, which is then closed, unless
        `open` is given: no step runs before all items are there. If that fails, the task is cancelled.

        Args:
            job: The name of a job whose function takes `item` as its second parameter.
            items: The input of each step, as JSON can hold it; gone through once.
            params: The keyword parameters of the job's function.
            task_id: The task's id; generated when left out. The same id and items again are the same task,
                if they fit into one request.
            more: Any other field of `POST /tasks`, as for `start`.

        Returns:
            The task's id.

        Raises:
            InvalidInput, ApiError, ServiceUnreachable: As `start`; also for an item that does not fit. 409
                also if a task of this id has been given items that took several requests.
        """
        return self._run(calls.start_for_items(job, items, params, task_id, more))

    def report(
        self, task_id: str, steps: Iterable[int] = (), results: Mapping[int, object] | None = None
    ) -> Report:
        """Report that steps are done, in any order; a step may be reported more than once.

        Adjacent steps are sent as one range. More than 10,000 ranges, or a megabyte of results, or many small
        ones, take several requests; what is refused leaves those before it as they are.

        Args:
            task_id: The task's id.
            steps: The steps' numbers, from 0. Without any, the answer is the task's present state.
            results: Further steps with what they returned, as JSON can hold it. A step keeps the result of
                the report that found it not yet done.

        Returns:
            The result of all requests together: `fresh` is the sum, `completed_task` is true if one of them
            ended the task.

        Raises:
            InvalidInput: A step is negative or not an integer, a result is no JSON, the results are no
                mapping, or the steps are one. Nothing was sent.
            ApiError: 404 if the task is unknown or expired, 422 if the task does not have such a step or a
                result is too large.
            ServiceUnreachable: done_app did not answer within `timeout_seconds`; some steps may be recorded.
        """
        return self._run(calls.report(task_id, steps, results))

    def fail(self, task_id: str, step: int, error: object) -> Report:
        """Report that a step failed for good.

        Args:
            task_id: The task's id.
            step: The step's number, from 0.
            error: What went wrong: an exception or a text, of which 500 characters are kept.

        Returns:
            The result; `completed_task` is true if this was the last step without an end.

        Raises:
            InvalidInput: The step is negative or not an integer. Nothing was sent.
            ApiError: 404 if the task is unknown or expired, 422 if the task does not have such a step.
            ServiceUnreachable: done_app did not answer within `timeout_seconds`; the failure may be recorded.
        """
        return self._run(calls.fail(task_id, step, error))

    def results(self, task_id: str) -> Results[Any]:
        """Return what the task's steps returned, in the order of the steps.

        Nothing is read before it is gone through, and then a part at a time, so that millions fit. Steps
        that failed, or are done without a result, are left out; `items()` gives each with its step.

        Args:
            task_id: The task's id.

        Raises, when it is gone through:
            ApiError: 404 if the task is unknown or expired.
            ServiceUnreachable: done_app did not answer within `timeout_seconds`.
        """
        checked_name(task_id, "task_id")
        return StoredResults(lambda: self._result_parts(task_id), lambda: int(self.get(task_id)["results"]))

    def _result_parts(self, task_id: str) -> Iterator[ResultPart]:
        after: int | None = 0
        while after is not None:
            parts, after = self._run(calls.result_page(task_id, after))
            yield from parts

    def wait(self, task_id: str, timeout_seconds: float = 3600) -> Task:
        """Wait until the task has ended as done, failed or cancelled, asking at least every 2 seconds.

        Args:
            task_id: The task's id.
            timeout_seconds: How long to wait; a question that runs then may take up to a second.

        Returns:
            The task as it ended.

        Raises:
            InvalidInput: `timeout_seconds` is no number. Nothing was sent.
            TimeoutError: The task had not ended after `timeout_seconds`.
            ApiError: 404 if the task is unknown or expired.
            ServiceUnreachable: done_app did not answer within the client's `timeout_seconds`, or until the
                wait was over.
        """
        return self._run(calls.wait(task_id, timeout_seconds))

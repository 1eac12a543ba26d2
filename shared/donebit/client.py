"""Start tasks in Donebit and report their steps, from any program, over HTTP."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from types import TracebackType
from typing import Any, Self, cast

from donebit.errors import DonebitError
from donebit.item_pieces import Piece, pieces_of
from donebit.names import checked_name
from donebit.result_slices import slices_of
from donebit.results import Results, StoredResults
from donebit.schedule_requests import ScheduleRequests
from donebit.step_numbers import natural, ranges_of
from donebit.task_requests import Report, Task, TaskRequests
from donebit.transport import DONE_APP, TRIGGER_APP, Transport

RANGES_PER_REPORT = 10_000
RESULTS_PER_PAGE = 10_000
LONGEST_ERROR = 500  # characters that Donebit keeps of an error


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
            InvalidInput: An address is not an http or https URL, or the timeout is negative.
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
                callback, then, open.

        Returns:
            The task's id.

        Raises:
            InvalidInput: A value is of the wrong type or out of bounds. Nothing was sent.
            ApiError: The task was refused: 409 if the id exists with another body, 422 for an invalid field.
            ServiceUnreachable: trigger_app did not answer within `timeout_seconds`.
        """
        given = {"job": job, "params": params} | more
        # The id is generated here, so that a request which is sent twice starts one task.
        task_id = uuid.uuid4().hex if task_id is None else checked_name(task_id, "task_id")
        body: dict[str, object] = {"task_id": task_id}
        body |= {} if count is None else {"count": natural(count, "count")}
        body |= {name: value for name, value in given.items() if value is not None}
        return str(self._transport.request(TRIGGER_APP, "POST", "/tasks", body)["task_id"])

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

        What does not fit into one request is sent in pieces to an open task, which is then closed: no step
        runs before all items are there. If that fails, the task is cancelled.

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
            InvalidInput, ApiError, ServiceUnreachable: As `start`; also for an item that does not fit.
        """
        pieces = pieces_of(items)
        first, second = next(pieces, Piece([], b"")), next(pieces, None)
        given: dict[str, Any] = {"job": job, "params": params, "task_id": task_id, **more}
        if second is None:
            return self.start(**given, items=first.items)
        return self._start_filled(given, chain([first, second], pieces))

    def _start_filled(self, given: dict[str, Any], pieces: Iterable[Piece]) -> str:
        """Start an open task, add items to it and close it; cancel it if that fails."""
        task_id = self.start(**given, items=[], open=True)
        try:
            self._fill(task_id, pieces)
        except BaseException:
            with suppress(DonebitError):
                self._post(task_id, "cancel")
            raise
        return task_id

    def _fill(self, task_id: str, pieces: Iterable[Piece]) -> None:
        """Add items to an open task and close it; refused if the server has lost some of them meanwhile."""
        count = 0
        for piece in pieces:
            self._post(task_id, f"items?from={count}", piece.lines)
            count += len(piece.items)
        self.close_task(task_id, expected=count)

    def report(
        self, task_id: str, steps: Iterable[int] = (), results: Mapping[int, object] | None = None
    ) -> Report:
        """Report that steps are done, in any order; a step may be reported more than once.

        Adjacent steps are sent as one range. More than 10,000 ranges, or a megabyte of results, take several
        requests.

        Args:
            task_id: The task's id.
            steps: The steps' numbers, from 0. Without any, the answer is the task's present state.
            results: Further steps with what they returned, as JSON can hold it. A step keeps the result of
                the report that found it not yet done.

        Returns:
            The result of all requests together: `fresh` is the sum, `completed_task` is true if one of them
            ended the task.

        Raises:
            InvalidInput: A step is negative or not an integer, or a result is no JSON. Nothing was sent.
            ApiError: 404 if the task is unknown or expired, 422 if the task does not have such a step or a
                result is too large.
            ServiceUnreachable: done_app did not answer within `timeout_seconds`; some steps may be recorded.
        """
        ranges, with_results = ranges_of(steps), slices_of(results or {})
        bodies: list[dict[str, object]] = [
            {"ranges": ranges[first : first + RANGES_PER_REPORT]}
            for first in range(0, len(ranges), RANGES_PER_REPORT)
        ]
        bodies += [{"results": part} for part in with_results]
        answers = [cast(Report, self._post(task_id, "steps", body)) for body in bodies]
        if not answers:
            return _nothing_new(self.get(task_id))
        last = answers[-1]
        last["fresh"] = sum(one["fresh"] for one in answers)
        last["completed_task"] = any(one["completed_task"] for one in answers)
        return last

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
        text = (str(error) or repr(error)).encode(errors="replace").decode()
        body = {"step": natural(step, "step"), "error": text[:LONGEST_ERROR]}
        return cast(Report, self._post(task_id, "failures", body))

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

    def _result_parts(self, task_id: str) -> Iterator[tuple[Sequence[int], list[Any]]]:
        after: int | None = 0
        while after is not None:
            path = f"/tasks/{task_id}/results?after={after}&limit={RESULTS_PER_PAGE}&runs=1"
            page = self._transport.request(DONE_APP, "GET", path)
            for run in page["runs"]:
                yield range(run["first"], run["first"] + len(run["results"])), run["results"]
            after = page["next"]

    def wait(self, task_id: str, timeout_seconds: float = 3600) -> Task:
        """Wait until the task has ended as done, failed or cancelled, asking at least every 2 seconds.

        Args:
            task_id: The task's id.
            timeout_seconds: How long to wait; a question that runs then may take up to a second.

        Returns:
            The task as it ended.

        Raises:
            TimeoutError: The task had not ended after `timeout_seconds`.
            ApiError: 404 if the task is unknown or expired.
            ServiceUnreachable: done_app did not answer within the client's `timeout_seconds`, or until the
                wait was over.
        """
        deadline, pause = time.monotonic() + timeout_seconds, 0.05
        while True:
            left = deadline - time.monotonic()
            task = self._get(task_id, max(left, 0))
            if task["ended_at"] is not None:
                return task
            if time.monotonic() >= deadline:
                raise TimeoutError(f"task {task_id} is {task['state']} after {timeout_seconds} s")
            time.sleep(min(pause, max(deadline - time.monotonic(), 0)))
            pause = min(pause * 1.5, 2)


def _nothing_new(task: Task) -> Report:
    """Return what a report without steps answers."""
    return Report(
        task_id=task["task_id"],
        fresh=0,
        completed_task=False,
        state=task["state"],
        done_steps=task["done_steps"],
        count=task["count"],
    )

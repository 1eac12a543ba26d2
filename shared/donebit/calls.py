"""The calls of both clients, as the requests and pauses that each is made of.

A call is a generator: it yields a request and is sent the answer, or yields a pause. Nothing here sends or
waits, so that `Donebit` and `AsyncDonebit` do the same by different means.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from itertools import chain
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

from donebit.errors import ApiError, InvalidInput
from donebit.exceptions import without_text
from donebit.item_pieces import Piece, pieces_of
from donebit.names import checked_name
from donebit.result_slices import slices_of
from donebit.step_numbers import natural, quoted, ranges_of
from donebit.task_types import Report, Task
from donebit.transport import DONE_APP, TRIGGER_APP, ServiceRequest, checked_timeout

RANGES_PER_REPORT = 10_000
RESULTS_PER_PAGE = 10_000
LONGEST_ERROR = 500  # characters that Donebit keeps of an error
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 2.0  # between two questions whether a task has ended


class Pause(NamedTuple):
    """A time in which the call waits."""

    seconds: float


Value = TypeVar("Value")
Wanted: TypeAlias = ServiceRequest | Pause
Call: TypeAlias = Generator[Wanted, Any, Value]
ResultPart: TypeAlias = tuple[Sequence[int], list[Any]]  # steps, and what they returned


def go_through(call: Call[Value], do: Callable[[Wanted], Any]) -> Value:
    """Do what a call wants, one after the other, and return what it comes to.

    An error of `do` is raised in the call, which may want more before it lets it through: the task of items
    that could not be sent is cancelled.
    """
    resume: Callable[[], Wanted] = partial(next, call)
    while True:
        try:
            wanted = resume()
        except StopIteration as end:
            return cast(Value, end.value)
        try:
            resume = partial(call.send, do(wanted))
        except BaseException as error:
            resume = partial(call.throw, error)


def start(
    count: int | None,
    job: str | None,
    params: Mapping[str, Any] | None,
    task_id: str | None,
    more: Mapping[str, object],
) -> Call[str]:
    """Start a task, and return its id."""
    given = {"job": checked_job(job), "params": checked_params(params), **more}
    # The id is generated here, so that a request which is sent twice starts one task.
    task_id = uuid.uuid4().hex if task_id is None else checked_name(task_id, "task_id")
    body: dict[str, object] = {"task_id": task_id}
    body |= {} if count is None else {"count": natural(count, "count")}
    body |= {name: value for name, value in given.items() if value is not None}
    answer = yield ServiceRequest(TRIGGER_APP, "POST", "/tasks", body)
    return str(answer["task_id"])


def start_for_items(
    job: str,
    items: Iterable[object],
    params: Mapping[str, Any] | None,
    task_id: str | None,
    more: Mapping[str, object],
) -> Call[str]:
    """Start a task with a step for each item, by one request or piece by piece, and return its id."""
    pieces = pieces_of(items)
    first, second = next(pieces, Piece([], b"")), next(pieces, None)
    if second is None:
        return (yield from start(None, job, params, task_id, {**more, "items": first.items}))
    stays_open = more.get("open")
    started = yield from _start_open(job, params, task_id, {**more, "open": stays_open or True})
    added = 0
    try:
        for piece in chain([first, second], pieces):
            yield _post(started, f"items?from={added}", piece.lines)
            added += len(piece.items)
        if not stays_open:
            yield from close_task(started, added)  # refused if the server has lost some of them meanwhile
    except BaseException as error:
        if not added and getattr(error, "status", None) == HTTPStatus.CONFLICT:
            # Another call has filled this task, or is about to: it must not be cancelled.
            raise ApiError(HTTPStatus.CONFLICT, has_items(started)) from error
        yield from _give_up(started)
        raise
    return started


def _start_open(
    job: str, params: Mapping[str, Any] | None, task_id: str | None, more: Mapping[str, object]
) -> Call[str]:
    """Start a task without items, to which they are added; one whose answer never came is not left open."""
    name = uuid.uuid4().hex if task_id is None else task_id
    try:
        return (yield from start(None, job, params, name, {**more, "items": []}))
    except (ApiError, InvalidInput):
        raise
    except BaseException:
        if task_id is None:  # or it may be the task of another call, and the same map again goes on with it
            yield from _give_up(name)
        raise


def _give_up(task_id: str) -> Call[None]:
    """Cancel a task of which not all items were sent."""
    with suppress(Exception):  # the error that led to it is the one to know
        yield from change(task_id, "cancel")


def has_items(task_id: str) -> str:
    return f"task {task_id} has items already, and is left as it is: so many as these cannot be compared"


def report(task_id: str, steps: Iterable[int], results: Mapping[int, object] | None) -> Call[Report]:
    """Report that steps are done, by as many requests as they need."""
    ranges, with_results = ranges_of(steps), slices_of({} if results is None else results)
    # The results first: a step that is among the ranges too would be done by then, and keep none.
    bodies: list[dict[str, object]] = [{"results": part} for part in with_results]
    bodies += [
        {"ranges": ranges[first : first + RANGES_PER_REPORT]}
        for first in range(0, len(ranges), RANGES_PER_REPORT)
    ]
    answers: list[Report] = []
    for body in bodies:
        answers += [(yield _post(task_id, "steps", body))]
    if not answers:
        return _nothing_new((yield from get(task_id)))
    last = answers[-1]
    last["fresh"] = sum(one["fresh"] for one in answers)
    last["completed_task"] = any(one["completed_task"] for one in answers)
    return last


def fail(task_id: str, step: int, error: object) -> Call[Report]:
    """Report that a step failed for good."""
    text = _text_of(error).encode(errors="replace").decode()
    body = {"step": natural(step, "step"), "error": text[:LONGEST_ERROR]}
    return cast(Report, (yield _post(task_id, "failures", body)))


def _text_of(error: object) -> str:
    try:
        return str(error) or repr(error)
    except Exception:  # of a class of the caller's, whose step has failed all the same
        return without_text(error)


def get(task_id: str, within_seconds: float | None = None) -> Call[Task]:
    """Return the task's present state."""
    path = f"/tasks/{checked_name(task_id, 'task_id')}"
    return cast(Task, (yield ServiceRequest(DONE_APP, "GET", path, None, within_seconds)))


def wait(task_id: str, timeout_seconds: float) -> Call[Task]:
    """Ask with growing pauses until the task has ended."""
    deadline, pause = time.monotonic() + checked_timeout(timeout_seconds), FIRST_PAUSE_SECONDS
    while True:
        left = deadline - time.monotonic()
        task = yield from get(task_id, max(left, 0))
        if task["ended_at"] is not None:
            return task
        if time.monotonic() >= deadline:
            raise TimeoutError(f"task {task_id} is {task['state']} after {timeout_seconds} s")
        yield Pause(min(pause, max(deadline - time.monotonic(), 0)))
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)


def result_page(task_id: str, after: int) -> Call[tuple[list[ResultPart], int | None]]:
    """Return a page of results, and where the next one begins; None after the last."""
    path = f"/tasks/{task_id}/results?after={after}&limit={RESULTS_PER_PAGE}&runs=1"
    page = yield ServiceRequest(DONE_APP, "GET", path)
    return [_result_part(run) for run in page["runs"]], page["next"]


def _result_part(run: Mapping[str, Any]) -> ResultPart:
    return range(run["first"], run["first"] + len(run["results"])), run["results"]


def extend(
    task_id: str,
    add: int | None,
    count: int | None,
    items: Iterable[object] | None,
    expected: int | None,
) -> Call[Task]:
    """Add steps to a running task."""
    if [add, count, items].count(None) != 2:
        raise InvalidInput("extend takes either add, or count, the new total, or items", field="count")
    given = {"add": add, "count": count, "from": expected}
    body: dict[str, object] = {
        name: natural(value, name) for name, value in given.items() if value is not None
    }
    if items is not None:
        body["items"] = [item for piece in pieces_of(items) for item in piece.items]
    return cast(Task, (yield _post(task_id, "extend", body)))


def change(task_id: str, action: str) -> Call[Task]:
    """Pause, resume or cancel a task."""
    return cast(Task, (yield _post(task_id, action)))


def retry(task_id: str, steps: Iterable[int], group: str | None) -> Call[Task]:
    """Try some failed steps of a task again, and return its state then."""
    ranges = ranges_of(steps)
    if bool(ranges) is (group is not None):
        raise InvalidInput("retry takes either steps or a group", field="steps")
    yield _post(task_id, "retry", {"ranges": ranges} if ranges else {"group": group})
    return (yield from get(task_id))


def close_task(task_id: str, expected: int | None) -> Call[Task]:
    """Close an open task."""
    query = "" if expected is None else f"?count={natural(expected, 'expected')}"
    return cast(Task, (yield _post(task_id, f"close{query}")))


def rerun(task_id: str, params: Mapping[str, Any] | None) -> Call[str]:
    """Start a new task with the order of an old one, and return its id."""
    path = f"/tasks/{checked_name(task_id, 'task_id')}/rerun"
    body = {} if params is None else {"params": checked_params(params)}
    answer = yield ServiceRequest(TRIGGER_APP, "POST", path, body)
    return str(answer["task_id"])


def checked_job(job: object) -> str | None:
    """Return the name of a job; None for none.

    Raises:
        InvalidInput: It is something else, such as the function itself.
    """
    if job is not None and not isinstance(job, str):
        raise InvalidInput(
            f'job is {quoted(job)}; it must be the job\'s name, as in @job("resize")', field="job"
        )
    return job


def checked_params(params: object) -> dict[str, Any] | None:
    """Return the parameters of a job's function as JSON can hold them; None for none.

    Raises:
        InvalidInput: They are no mapping.
    """
    if params is not None and not isinstance(params, Mapping):
        raise InvalidInput(
            f"params is {quoted(params)}; it must be a mapping of names to values", field="params"
        )
    return None if params is None else dict(params)


def _post(task_id: str, resource: str, body: Mapping[str, object] | bytes | None = None) -> ServiceRequest:
    return ServiceRequest(DONE_APP, "POST", f"/tasks/{checked_name(task_id, 'task_id')}/{resource}", body)


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

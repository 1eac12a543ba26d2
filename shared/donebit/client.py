"""Start tasks in Donebit and report their steps, from any program, over HTTP."""

from __future__ import annotations

import json
import operator
import os
import random
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypedDict, cast
from urllib.parse import urlsplit

import urllib3
from urllib3 import exceptions

from donebit.addresses import LOOPBACK, address
from donebit.errors import ApiError, InvalidInput, ServiceUnreachable
from donebit.names import checked_name

RANGES_PER_REPORT = 10_000
LONGEST_ERROR = 500  # characters that Donebit keeps of an error
TRIGGER_APP, DONE_APP = "trigger_app", "done_app"
RETRIED_STATUSES = {502, 503, 504}  # a proxy's or the service's own: it may answer in a moment
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 10.0


class Task(TypedDict):
    """A task as `GET /tasks/{id}` answers it; the answer may have more fields than these."""

    task_id: str
    job: str | None
    count: int
    done_steps: int
    failed_steps: int
    state: str  # running, done, failed or cancelled
    stalled: bool
    progress: float  # 0 to 1
    created_at: str  # ISO 8601, UTC
    ended_at: str | None
    last_progress_at: str
    missing: list[list[int]]  # the first missing steps, as half-open ranges


class Report(TypedDict):
    """The result of reporting steps."""

    task_id: str
    fresh: int  # how many of the steps were not done before
    completed_task: bool  # whether this report ended the task
    state: str
    done_steps: int
    count: int


class Donebit:
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
        if timeout_seconds < 0:
            raise InvalidInput(f"timeout_seconds is {timeout_seconds}; it must be 0 or more")
        self._addresses = {
            TRIGGER_APP: _resolve_address(trigger_url, "TRIGGER", "8098"),
            DONE_APP: _resolve_address(done_url, "DONE", "8097"),
        }
        token = token or os.environ.get("API_TOKEN")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout_seconds = timeout_seconds
        self._pool = (os.getpid(), _connection_pool())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. A later call opens new ones."""
        self._connections().clear()

    def start(
        self,
        count: int,
        *,
        job: str | None = None,
        params: Mapping[str, Any] | None = None,
        task_id: str | None = None,
        **more: object,
    ) -> str:
        """Start a task of `count` steps, numbered from 0.

        Args:
            count: The number of steps, 0 or more.
            job: The name of the job that runs the steps. None: your program runs and reports them.
            params: The keyword parameters of the job's function, as JSON can hold them.
            task_id: The task's id; generated when left out. The same id again is the same task.
            more: Any other field of `POST /tasks`: label, batch, stall_after, webhook, callback, then.

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
        body: dict[str, object] = {"count": _natural(count, "count"), "task_id": task_id}
        body |= {name: value for name, value in given.items() if value is not None}
        return str(self._request(TRIGGER_APP, "POST", "/tasks", body)["task_id"])

    def report(self, task_id: str, steps: Iterable[int]) -> Report:
        """Report that steps are done, in any order; a step may be reported more than once.

        Adjacent steps are sent as one range. More than 10,000 ranges take several requests.

        Args:
            task_id: The task's id.
            steps: The steps' numbers, from 0. Without any, the answer is the task's present state.

        Returns:
            The result of all requests together: `fresh` is the sum, `completed_task` is true if one of them
            ended the task.

        Raises:
            InvalidInput: A step is negative or not an integer. Nothing was sent.
            ApiError: 404 if the task is unknown or expired, 422 if the task does not have such a step.
            ServiceUnreachable: done_app did not answer within `timeout_seconds`; some steps may be recorded.
        """
        ranges = ranges_of(steps)
        answers = [
            cast(Report, self._post(task_id, "steps", {"ranges": ranges[first : first + RANGES_PER_REPORT]}))
            for first in range(0, len(ranges), RANGES_PER_REPORT)
        ]
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
        body = {"step": _natural(step, "step"), "error": text[:LONGEST_ERROR]}
        return cast(Report, self._post(task_id, "failures", body))

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
        body = {name: _natural(value, name) for name, value in given.items() if value is not None}
        return cast(Task, self._post(task_id, "extend", body))

    def get(self, task_id: str) -> Task:
        """Return the task's present state.

        Raises:
            ApiError: 404 if the task is unknown or expired.
            ServiceUnreachable: done_app did not answer within `timeout_seconds`.
        """
        return self._get(task_id, self._timeout_seconds)

    def wait(self, task_id: str, timeout_seconds: float = 3600) -> Task:
        """Wait until the task has ended as done, failed or cancelled, asking at least every 2 seconds.

        Args:
            task_id: The task's id.
            timeout_seconds: How long to wait.

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
            task = self._get(task_id, min(self._timeout_seconds, max(left, 0)))
            if task["ended_at"] is not None:
                return task
            if time.monotonic() >= deadline:
                raise TimeoutError(f"task {task_id} is {task['state']} after {timeout_seconds} s")
            time.sleep(min(pause, max(deadline - time.monotonic(), 0)))
            pause = min(pause * 1.5, 2)

    def _get(self, task_id: str, retry_seconds: float) -> Task:
        path = f"/tasks/{checked_name(task_id, 'task_id')}"
        return cast(Task, self._request(DONE_APP, "GET", path, retry_seconds=retry_seconds))

    def _post(self, task_id: str, resource: str, body: Mapping[str, object]) -> object:
        path = f"/tasks/{checked_name(task_id, 'task_id')}/{resource}"
        return self._request(DONE_APP, "POST", path, body)

    def _request(
        self,
        service: str,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        retry_seconds: float | None = None,
    ) -> Any:
        """Send a request until it is answered or the time is over, and return the answer's JSON."""
        headers, data = dict(self._headers), None
        if body is not None:
            # One key for all tries: the report counts once, and each try gets the first one's answer.
            headers |= {"Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex}
            data = _as_json(body)
        deadline = time.monotonic() + (self._timeout_seconds if retry_seconds is None else retry_seconds)
        for pause in pauses():
            is_last = time.monotonic() + pause >= deadline
            try:
                answer = self._connections().request(
                    method, self._addresses[service] + path, body=data, headers=headers
                )
            except exceptions.HTTPError as error:
                if is_last:
                    raise self._unreachable(service, error) from None  # it says all that matters
            else:
                if is_last or answer.status not in RETRIED_STATUSES:
                    return _content(answer)
            time.sleep(pause)
        raise AssertionError("the pauses do not end")

    def _connections(self) -> urllib3.PoolManager:
        # After a fork both processes hold the same sockets, and would read each other's answers.
        if self._pool[0] != os.getpid():
            self._pool = (os.getpid(), _connection_pool())
        return self._pool[1]

    def _unreachable(self, service: str, error: exceptions.HTTPError) -> ServiceUnreachable:
        setting = service.removesuffix("_app").upper()
        return ServiceUnreachable(
            f"{service} at {self._addresses[service]} {_reason(error)} ({setting}_URL sets its address)"
        )


def ranges_of(steps: Iterable[int]) -> list[tuple[int, int]]:
    """Return steps as ascending half-open ranges: 3, 1, 2, 7 are (1, 4) and (7, 8).

    Raises:
        InvalidInput: A step is negative or not an integer.
    """
    if isinstance(steps, range) and steps.step == 1 and steps.start >= 0:
        return [(steps.start, steps.stop)] if steps else []  # a million steps without a list of them
    if not isinstance(steps, Iterable):
        raise InvalidInput(f"steps is {steps!r}; it must be integers in a list, say", field="steps")
    ranges: list[tuple[int, int]] = []
    for step in sorted({_natural(step, "step") for step in steps}):
        if ranges and ranges[-1][1] == step:
            ranges[-1] = (ranges[-1][0], step + 1)
        else:
            ranges.append((step, step + 1))
    return ranges


def pauses() -> Iterator[float]:
    """Yield the seconds between tries, for ever: doubling, with a tenth of jitter, 10 at most."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        yield pause * random.uniform(0.9, 1)  # noqa: S311 - clients must not retry in step; no secret
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _natural(value: object, name: str) -> int:
    """Return an integer of any kind, numpy's too, as an int."""
    try:
        number = None if isinstance(value, bool) else operator.index(cast(int, value))
    except TypeError:
        number = None
    if number is None or number < 0:
        raise InvalidInput(f"{name} is {value!r}; it must be an integer from 0", field=name)
    return number


def _resolve_address(given: str | None, service: str, port: str) -> str:
    """Return the address given, else the one that the environment names, as the services read it."""
    setting = f"{service}_URL"
    named = given or os.environ.get(setting)
    host, port = os.environ.get("HOST") or LOOPBACK, os.environ.get(f"{service}_PORT") or port
    found = (named or address(host, port)).rstrip("/")
    try:
        parts = urlsplit(found)
        is_valid = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, brackets that do not close
        is_valid = False
    if not is_valid:
        raise InvalidInput(f"{setting} is {found!r}; it must be a URL such as http://127.0.0.1:8098")
    return found


def _connection_pool() -> urllib3.PoolManager:
    # Retries are made here, not by the library: it counts tries, and a caller thinks in seconds.
    timeout = urllib3.Timeout(connect=2, read=10)
    return urllib3.PoolManager(maxsize=16, retries=False, timeout=timeout)


def _as_json(body: Mapping[str, object]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"the request cannot be written as JSON: {error}") from error


def _reason(error: exceptions.HTTPError) -> str:
    """Say in short why there is no answer."""
    match error:
        case exceptions.NameResolutionError():
            return "has a host name that is unknown here"
        case exceptions.NewConnectionError():
            return "refused the connection or cannot be reached"
        case exceptions.TimeoutError():
            return "did not answer in time"
        case exceptions.SSLError():
            return f"failed the TLS handshake: {error}"
        case _:
            return "closed the connection without an answer"


def _content(answer: urllib3.BaseHTTPResponse) -> Any:
    """Return the answer's JSON. Raises ApiError for an error status, and for a body that is no JSON."""
    try:
        content = json.loads(answer.data)
    except ValueError:  # the page of a proxy, or of another service
        text = answer.data[:200].decode(errors="replace")
        raise ApiError(answer.status, f"the answer is not JSON: {text}") from None
    if answer.status >= 300:
        detail = content.get("detail") if isinstance(content, dict) else content
        raise ApiError(answer.status, str(detail))
    return content


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

"""Start tasks in Donebit and report their steps, from any program, over HTTP."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterable
from typing import Any, TypedDict, cast

import urllib3

from donebit.addresses import LOOPBACK, address
from donebit.errors import ApiError, ServiceUnreachable

RANGES_PER_REPORT = 10_000
LONGEST_ERROR = 500  # characters that Donebit keeps of an error


class Task(TypedDict):
    """How a task is, as `GET /tasks/{id}` answers; the answer may have more fields than these."""

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
    missing: list[list[int]]  # the first missing steps, as half open ranges


class Report(TypedDict):
    """What came of a report of steps."""

    task_id: str
    fresh: int  # how many steps were not done before
    completed_task: bool
    state: str
    done_steps: int
    count: int


class Donebit:
    """A client of trigger_app and done_app. Threads may share one; each process makes its own.

    A lost connection, a time-out or a 503 is tried again for about a minute, always under the same
    `Idempotency-Key`, so that a report counts once and its answer is not lost.
    """

    def __init__(
        self, trigger_url: str | None = None, done_url: str | None = None, token: str | None = None
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            trigger_url: where trigger_app is; else TRIGGER_URL, else HOST and TRIGGER_PORT,
                http://127.0.0.1:8098 if they are not set
            done_url: where done_app is; else DONE_URL, else HOST and DONE_PORT, http://127.0.0.1:8097
            token: what both ask for; else API_TOKEN of the environment, else none is sent.
        """
        self._trigger = _address(trigger_url, "TRIGGER", "8098")
        self._done = _address(done_url, "DONE", "8097")
        token = token or os.environ.get("API_TOKEN")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        retry = urllib3.Retry(
            total=10,  # at once, then after 0.4, 0.8, 1.6 s and so on: about a minute
            backoff_factor=0.2,
            backoff_max=15,
            backoff_jitter=0.1,
            status_forcelist=(503,),
            allowed_methods=None,  # POST too: every report carries an Idempotency-Key
            respect_retry_after_header=False,  # it names the shortest pause; these grow
            raise_on_status=False,
        )
        timeout = urllib3.Timeout(connect=2, read=10)
        self._http = urllib3.PoolManager(maxsize=16, retries=retry, timeout=timeout)

    def start(
        self,
        count: int,
        *,
        job: str | None = None,
        params: dict[str, Any] | None = None,
        task_id: str | None = None,
        **more: object,
    ) -> str:
        """Start a task of `count` steps, numbered from 0.

        Args:
            count: the number of steps.
            job: the name of the job that runs the steps; None if your program runs and reports them.
            params: the keyword parameters of the job's function.
            task_id: the task's id; made here when left out. The same id again is the same task.
            more: any other field of `POST /tasks`: label, batch, stall_after, webhook, callback, then.

        Returns:
            The task's id.

        Raises:
            ApiError: the task was refused: 409 for an id that was started with another body, 422 for a
                value out of its bounds.
            ServiceUnreachable: trigger_app did not answer for about a minute.
        """
        given = {"job": job, "params": params} | more
        # The id is made here so that a request which is sent twice starts one task.
        body = {"count": count, "task_id": task_id or uuid.uuid4().hex}
        body |= {name: value for name, value in given.items() if value is not None}
        return str(self._ask("POST", f"{self._trigger}/tasks", body)["task_id"])

    def report(self, task_id: str, steps: Iterable[int]) -> Report:
        """Report that steps are done, in any order, some of them more than once perhaps.

        Neighbours are sent as one range; more than 10,000 ranges take several requests.

        Returns:
            What came of all of them: `fresh` is the sum, `completed_task` whether one of them ended the
            task. Without steps it says how the task is.

        Raises:
            ApiError: 404 for a task that is unknown or expired, 422 for a step that the task does not have.
            ServiceUnreachable: done_app did not answer for about a minute; steps may have been kept.
        """
        pieces = ranges_of(steps)
        answers = [
            cast(Report, self._post(task_id, "steps", {"ranges": pieces[first : first + RANGES_PER_REPORT]}))
            for first in range(0, len(pieces), RANGES_PER_REPORT)
        ]
        if not answers:
            task = self.get(task_id)
            done, count, state = task["done_steps"], task["count"], task["state"]
            return Report(
                task_id=task_id, fresh=0, completed_task=False, state=state, done_steps=done, count=count
            )
        last = answers[-1]
        last["fresh"] = sum(one["fresh"] for one in answers)
        last["completed_task"] = any(one["completed_task"] for one in answers)
        return last

    def fail(self, task_id: str, step: int, error: object) -> Report:
        """Report that a step has given up; the first 500 characters of the error are kept.

        Raises:
            ApiError, ServiceUnreachable: as `report` does.
        """
        body = {"step": step, "error": str(error)[:LONGEST_ERROR]}
        return cast(Report, self._post(task_id, "failures", body))

    def get(self, task_id: str) -> Task:
        """How the task is now.

        Raises:
            ApiError, ServiceUnreachable: as `report` does.
        """
        return cast(Task, self._ask("GET", f"{self._done}/tasks/{task_id}"))

    def wait(self, task_id: str, timeout_seconds: float = 3600) -> Task:
        """Wait until the task has ended as `done`, `failed` or `cancelled`; asks every 2 seconds at most.

        Raises:
            TimeoutError: it has not ended in time.
            ApiError, ServiceUnreachable: as `report` does.
        """
        deadline, pause = time.monotonic() + timeout_seconds, 0.05
        while (task := self.get(task_id))["ended_at"] is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"task {task_id} is {task['state']} after {timeout_seconds} s")
            time.sleep(pause)
            pause = min(pause * 1.5, 2)
        return task

    def _post(self, task_id: str, what: str, body: dict[str, Any]) -> object:
        return self._ask("POST", f"{self._done}/tasks/{task_id}/{what}", body)

    def _ask(self, method: str, url: str, body: dict[str, Any] | None = None) -> Any:
        # Made once for all tries: the report counts once, and each try gets the first one's answer.
        headers = self._headers | ({"Idempotency-Key": uuid.uuid4().hex} if body else {})
        try:
            answer = self._http.request(method, url, json=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise ServiceUnreachable(f"{url} did not answer: {error}") from error
        return _read(answer)


def ranges_of(steps: Iterable[int]) -> list[tuple[int, int]]:
    """Steps as half open ranges, ascending: 3, 1, 2, 7 are (1, 4) and (7, 8)."""
    found: list[tuple[int, int]] = []
    for step in sorted(set(steps)):
        if found and found[-1][1] == step:
            found[-1] = (found[-1][0], step + 1)
        else:
            found.append((step, step + 1))
    return found


def _address(given: str | None, service: str, port: str) -> str:
    """The address given, else the one that the environment names, as it does for the services themselves."""
    named = given or os.environ.get(f"{service}_URL")
    host, port = os.environ.get("HOST") or LOOPBACK, os.environ.get(f"{service}_PORT") or port
    return (named or address(host, port)).rstrip("/")


def _read(answer: urllib3.BaseHTTPResponse) -> Any:
    """The answer's JSON. Raises ApiError for an error status, and for a body that is no JSON."""
    try:
        said = json.loads(answer.data)
    except ValueError:  # a proxy's page, say
        raise ApiError(answer.status, answer.data[:200].decode(errors="replace")) from None
    if answer.status >= 400:
        raise ApiError(answer.status, str(said.get("detail")) if isinstance(said, dict) else str(said))
    return said

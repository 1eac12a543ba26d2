"""Sends the sample data over the HTTP API: visits packed by day or hour, tasks as JSON."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from donebit.demo.sample import population
from donebit.demo.sample.population import Ids
from donebit.names import SAMPLE_EVENT

DAYS = 120  # 90 that are drawn, and the 30 before them that the first rolling window covers
PACKED, JSON = "application/octet-stream", "application/json"
LABEL = "sample"
ACCEPTED_ERRORS = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
TIMEOUT_SECONDS = 10.0
MOST_SILENT_SECONDS = 5.0  # a service closes a connection that is silent for HEADER_TIMEOUT, which is 10 s
VISITS, PURCHASES, NEWSLETTER = SAMPLE_EVENT, "demo.purchase", "demo.newsletter"
EVENTS, FLAGS = (VISITS, PURCHASES), (NEWSLETTER,)

# Several sizes and final states: some are soon done, one fails, and the last takes minutes, so that there is
# something to watch. The steps of the one without a job are reported from here, and it is cancelled.
TASKS: Sequence[dict[str, Any]] = (
    {"task_id": "demo-invoices", "count": 180, "job": "demo", "params": {"sleep_ms": 5, "fail_percent": 40}},
    {"task_id": "demo-import", "count": 1_000_000, "job": "demo", "params": {"sleep_ms": 0}},
    {"task_id": "demo-thumbnails", "count": 2_000, "job": "demo", "params": {"sleep_ms": 5}},
    {"task_id": "demo-mailing", "count": 5_000},
    {"task_id": "demo-archive", "count": 12_000, "job": "demo", "params": {"sleep_ms": 300}, "batch": 500},
)
CANCELLED = "demo-mailing"
PARTS_REPORTED = (0.31, 0.18, 0.24)  # of each third of its steps


class SampleFailed(Exception):
    """A service refused the sample data or cannot be reached; the message says which."""


class SampleClient:
    """A client of one service, on a connection that stays open unless it is silent for long."""

    def __init__(self, address: str, token: str | None) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=TIMEOUT_SECONDS)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._used_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def send(self, method: str, path: str, body: bytes | None = None, content_type: str = PACKED) -> None:
        """Send a request.

        Raises:
            SampleFailed: There is no answer, or an error other than 404 and 409 (gone or there already).
        """
        headers = self._headers | ({"Content-Type": content_type} if body else {})
        if time.monotonic() - self._used_at > MOST_SILENT_SECONDS:
            self._connection.close()  # the next request opens another
        self._used_at = time.monotonic()
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise SampleFailed(f"{method} {path}: {error}") from error
        if answer.status >= HTTPStatus.BAD_REQUEST and answer.status not in ACCEPTED_ERRORS:
            raise SampleFailed(f"{method} {path}: {answer.status} {said.decode(errors='replace')[:200]}")


def fill(trigger: SampleClient, done: SampleClient, distinct: SampleClient) -> str:
    """Send the tasks, which take a while, then the visits. Returns a sentence; raises SampleFailed."""
    for task in TASKS:
        trigger.send("POST", "/tasks", as_json({"label": LABEL, **task}), JSON)
        if task["task_id"] == CANCELLED:
            done.send("POST", f"/tasks/{CANCELLED}/steps", as_json({"ranges": reported(task["count"])}), JSON)
    visits, people = 0, set[int]()
    for event, at, ids in visits_until(datetime.now(UTC)):
        distinct.send("POST", f"/events/{event}?at={at:%Y-%m-%dT%H:%M:%SZ}", packed(ids))
        visits += len(ids)
        people.update(ids.tolist())
    readers = population.newsletter(np.array(sorted(people), np.uint32))
    distinct.send("PUT", f"/flags/{NEWSLETTER}/users", packed(readers))
    done.send("POST", f"/tasks/{CANCELLED}/cancel")
    return f"sample data: {len(TASKS)} tasks and {visits:,} visits of {DAYS} days; `make clear` removes them"


def visits_until(now: datetime) -> Iterator[tuple[str, datetime, Ids]]:
    """Yield (event, time, ids), newest day first; today's and yesterday's are spread over their hours."""
    for ago in range(DAYS):
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=ago)
        day = population.day(midnight.date(), DAYS)
        for event, ids in ((VISITS, day.visited), (PURCHASES, day.bought)):
            for hour in range(24) if ago < 2 else (12,):
                at, some = midnight + timedelta(hours=hour), of_hour(ids, hour) if ago < 2 else ids
                if len(some) and at <= now:
                    yield event, at, some


def of_hour(ids: Ids, hour: int) -> Ids:
    """Return the ids of one hour of a day: few at night, most in the evening."""
    busy = np.repeat(np.arange(24), [1, 1, 1, 1, 1, 2, 3, 5, 6, 6, 6, 7, 7, 6, 6, 6, 7, 8, 9, 9, 8, 6, 4, 2])
    comes: npt.NDArray[np.bool_] = busy[ids * np.uint32(40_503) % np.uint32(len(busy))] == hour
    return ids[comes]


def reported(count: int) -> list[tuple[int, int]]:
    """Return the ranges that three workers would have reported, each from the start of its third."""
    third = count // len(PARTS_REPORTED)
    return [(n * third, n * third + int(count * part)) for n, part in enumerate(PARTS_REPORTED)]


def as_json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


def packed(ids: Ids) -> bytes:
    return ids.astype("<u4").tobytes()


def remove(done: SampleClient, distinct: SampleClient) -> None:
    """Take all of it away again. Raises Failed."""
    for event in EVENTS:
        distinct.send("DELETE", f"/events/{event}")
    for flag in FLAGS:
        distinct.send("DELETE", f"/flags/{flag}")
    for task in TASKS:
        done.send("DELETE", f"/tasks/{task['task_id']}")

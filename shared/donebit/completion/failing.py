"""Steps that fail: tried again with growing pauses, then given up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from donebit import clock
from donebit.completion import lifecycle
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.names import checked_name
from donebit.retry_policy import RetryPolicy
from donebit.store import Store
from donebit.store.answers import ReportStatus
from donebit.store.failures import AttemptLimits, FailStepResult
from donebit.utf8 import printable

LONGEST_ERROR = 500  # characters that are kept of an error
LONGEST_PAUSE = timedelta(minutes=10)  # between two attempts: well within the broker's patience
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Failure:
    """What a failed attempt led to."""

    attempts: int
    gave_up: bool
    completed_task: bool
    state: State
    count: int
    left: int  # neither done nor given up
    failed: int
    pause: timedelta  # before the next attempt

    @property
    def done_steps(self) -> int:
        return self.count - self.left - self.failed


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A step that gave up; attempts and error as far as they are kept."""

    step: int
    attempts: int
    error: str | None


@dataclass(frozen=True, slots=True)
class FailuresPage:
    failures: list[GivenUp]
    next: int | None


GIVE_UP_NOW = RetryPolicy(max_attempts=0, backoff=timedelta(0))


def fail(
    store: Store,
    task_id: str,
    step: int,
    error: str,
    policy: RetryPolicy = GIVE_UP_NOW,
    *,
    token: str | None = None,
    nonce: str = "",
    count_attempt: bool = True,
    reply_key: str | None = None,
) -> Failure:
    """Record a failed attempt at a step; one without a policy gives up at once.

    A step that is done, or has given up, stays what it is; so does a task that has ended. Token, nonce and
    reply key are as in lifecycle.report.

    Raises:
        NotFound: no such task, or it has expired.
        InvalidInput: the task has no such step, or the reply key was used for another report.
        StoreUnavailable: recorded or not; the same call with the same token may be made again.
    """
    checked_name(task_id, "task_id")
    made = store.failures.fail_step(
        task_id,
        step,
        json.dumps(printable(error[:LONGEST_ERROR])),
        now_ms=clock.now_ms(),
        token=token or lifecycle.token_of(reply_key, step, error),
        nonce=nonce,
        count_attempt=count_attempt,
        limits=AttemptLimits(policy.max_attempts, policy.backoff, LONGEST_PAUSE),
        reply_key=reply_key,
    )
    if made.status is ReportStatus.REUSED:
        raise lifecycle.reused(reply_key)
    return _failure(task_id, step, made)


def _failure(task_id: str, step: int, made: FailStepResult) -> Failure:
    if made.status is ReportStatus.UNKNOWN:
        raise lifecycle.unknown(task_id)
    if made.status is ReportStatus.RANGE:
        raise lifecycle.no_such_step(task_id, step, made.steps)
    return Failure(
        made.attempts,
        made.gave_up,
        made.completed,
        State(made.state),
        made.steps,
        made.left,
        made.failed,
        timedelta(milliseconds=made.pause_ms),
    )


def list_failures(store: Store, task: Task, *, after: int = 0, limit: int) -> FailuresPage:
    """Up to `limit` steps that gave up, from step `after` on."""
    found: list[int] = []
    for step in given_up(store, task, after):
        if len(found) == limit:
            return FailuresPage(_with_errors(store, task, found), step)
        found.append(step)
    return FailuresPage(_with_errors(store, task, found), None)


def given_up(store: Store, task: Task, after: int = 0) -> Iterator[int]:
    """The steps that gave up, ascending, read a chunk at a time."""
    if not task.failed:
        return
    for first in range(after // 8, task.count // 8 + 1, CHUNK_BYTES):
        bits = store.failures.failed_bytes(task.id, first, first + CHUNK_BYTES)
        if not bits:
            return
        for bit in np.flatnonzero(np.unpackbits(np.frombuffer(bits, np.uint8))):
            if (step := first * 8 + int(bit)) >= after:
                yield step


def _with_errors(store: Store, task: Task, steps: list[int]) -> list[GivenUp]:
    errors = store.failures.errors(task.id, steps)
    attempts = store.failures.attempts(task.id, steps)
    return [
        GivenUp(step, tried, None if text is None else json.loads(text))
        for step, tried, text in zip(steps, attempts, errors, strict=True)
    ]

"""Steps that fail: retried with growing pauses, then given up."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, islice

import numpy as np

from donebit import clock
from donebit.completion import announcing, changing, lifecycle
from donebit.completion.failure_groups import Range, ranges_in, ranges_of, text_of
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.errors import InvalidInput, NotFound, StoreUnavailable
from donebit.names import stored_name
from donebit.retry_policy import RetryPolicy
from donebit.store import Store
from donebit.store.answers import ReportStatus
from donebit.store.failures import AttemptLimits, FailedAttempt, FailStepResult, FailureReason
from donebit.utf8 import printable, shortened

MAX_ERROR_LENGTH = 500  # characters that are kept of an error
MAX_TRACEBACK_LENGTH = 4000  # and of a traceback, without its middle
LONGEST_PAUSE = timedelta(minutes=10)  # between two attempts: well within the broker's visibility timeout
MAX_RANGES = 10_000  # of steps to be tried again, in one request
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Failure:
    """The result of a failed attempt."""

    attempts: int
    gave_up: bool
    completed_task: bool
    state: State
    count: int
    missing_steps: int  # neither done nor given up
    failed_steps: int  # given up
    pause: timedelta  # before the next attempt

    @property
    def done_steps(self) -> int:
        return self.count - self.missing_steps - self.failed_steps


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A step that gave up, with its attempts, and its error where that was kept."""

    step: int
    attempts: int
    error: str | None


@dataclass(frozen=True, slots=True)
class FailuresPage:
    failures: list[GivenUp]
    next: int | None


COUNTED_NOW, COUNTED_AHEAD = FailedAttempt(), FailedAttempt(to_count=False)
GIVE_UP_NOW = RetryPolicy(max_attempts=0, backoff=timedelta(0))


def next_attempt(store: Store, task: Task, step: int) -> FailedAttempt:
    """The attempt at a step that has just failed: repeats of its report after a lost answer count it once."""
    return FailedAttempt(counted_before=store.failures.attempts(task.id, [step])[0])


def fail(
    store: Store,
    task_id: str,
    step: int,
    error: str,
    policy: RetryPolicy = GIVE_UP_NOW,
    *,
    token: str | None = None,
    nonce: str = "",
    attempt: FailedAttempt = COUNTED_NOW,
    reply_key: str | None = None,
) -> Failure:
    """Record a failed attempt at a step, which gives up at once if no policy is given.

    A step that is done or has given up, or whose task has ended, stays so. See reporting.report for the rest.

    Raises:
        NotFound: no such task, or it has expired.
        InvalidInput: the task has no such step, or the reply key was used for another request.
        StoreUnavailable: perhaps recorded; the same call with the same token may be repeated.
    """
    stored_name(task_id, "task_id")
    result = store.failures.fail_step(
        task_id,
        step,
        _reason(error, attempt.traceback),
        now_ms=clock.now_ms(),
        token=token or changing.call_token(reply_key, step, error),
        nonce=nonce,
        attempt=attempt,
        limits=AttemptLimits(policy.max_attempts, policy.backoff, LONGEST_PAUSE),
        reply_key=reply_key,
    )
    failure = _failure(task_id, step, result, reply_key)
    if result.first_of_run:
        _announce_first_failure(store, task_id)
    return failure


def _announce_first_failure(store: Store, task_id: str) -> None:
    with suppress(NotFound, StoreUnavailable):  # deleted since, or left to the sweep
        announcing.announce_first_failure(store, lifecycle.get_task(store, task_id).task)


def begin_attempt(
    store: Store,
    task: Task,
    step: int,
    policy: RetryPolicy,
    *,
    made_already: bool = False,
    message_id: str = "",
) -> int:
    """Count an attempt at a step before it is made, so that a step that kills its process is found.

    Args:
        made_already: the attempt was made by a process that died before it could report.
        message_id: of the message whose lease covers the step; a shutdown that cuts the attempt short takes
            it back.

    Returns:
        How many attempts there have been, this one included: one more than the policy allows when the step
        must be given up, and 0 when the task is gone.
    """
    return store.failures.begin_attempt(
        task.id,
        task.nonce,
        step,
        max_attempts=policy.max_attempts,
        made_already=made_already,
        message_id=message_id,
    )


def _reason(error: str, traceback: str) -> FailureReason:
    kept = json.dumps(printable(error[:MAX_ERROR_LENGTH]))
    return FailureReason(
        kept, text_of(printable(error)), printable(shortened(traceback, MAX_TRACEBACK_LENGTH))
    )


def _failure(task_id: str, step: int, result: FailStepResult, reply_key: str | None) -> Failure:
    if result.status is ReportStatus.REUSED:
        raise changing.key_reused(reply_key)
    if result.status is ReportStatus.UNKNOWN:
        raise changing.unknown_task(task_id)
    if result.status is ReportStatus.RANGE:
        raise changing.no_such_step(task_id, step, result.steps)
    return Failure(
        result.attempts,
        result.gave_up,
        result.completed,
        State(result.state),
        result.steps,
        result.left,
        result.failed,
        timedelta(milliseconds=result.pause_ms),
    )


def list_failures(
    store: Store, task: Task, *, after: int = 0, limit: int, group: str | None = None
) -> FailuresPage:
    """Up to `limit` steps that gave up, from step `after` on, with attempts and errors.

    Args:
        group: only steps of this group of errors.
    """
    found: list[int] = []
    steps = iterate_given_up(store, task, after)
    if group is not None:
        steps = chain.from_iterable(range(*one) for one in ranges_in(store, task, group, after=after))
    for step in steps:
        if len(found) == limit:
            return FailuresPage(_with_errors(store, task, found), step)
        found.append(step)
    return FailuresPage(_with_errors(store, task, found), None)


def iterate_given_up(store: Store, task: Task, after: int = 0) -> Iterator[int]:
    """The steps that gave up, ascending, read in chunks, from step `after` on."""
    if not task.failed_steps:
        return
    for first in range(after // 8, task.count // 8 + 1, CHUNK_BYTES):
        bits = store.failures.failed_bytes(task.id, first, first + CHUNK_BYTES)
        if not bits:
            return
        for bit in np.flatnonzero(np.unpackbits(np.frombuffer(bits, np.uint8))):
            if (step := first * 8 + int(bit)) >= after:
                yield step


@dataclass(frozen=True, slots=True)
class ChosenSteps:
    """Steps of a task that somebody names: single ones, half-open ranges, or those of a group of errors."""

    steps: Sequence[int] = ()
    ranges: Sequence[Range] = ()
    group: str | None = None

    def check(self) -> None:
        """Refuse to choose in no way or in two, and ranges that are none.

        Raises:
            InvalidInput: it is so.
        """
        if bool(self.steps or self.ranges) is (self.group is not None):
            raise InvalidInput("name either a group, or steps and ranges", field="steps")
        for first, after in self.ranges:
            if not 0 <= first < after:
                raise InvalidInput(f"range [{first}, {after}) is empty, or runs backwards", field="ranges")


def failed_ranges(store: Store, task: Task, chosen: ChosenSteps) -> list[Range]:
    """Those of the chosen steps that gave up, as half-open ranges.

    Raises:
        InvalidInput: they are more ranges than one request takes, or steps that the task does not have.
    """
    if chosen.group is not None:
        found = ranges_in(store, task, chosen.group)
    else:
        outside = next((step for step in _named(chosen) if not 0 <= step < task.count), None)
        if outside is not None:
            raise changing.no_such_step(task.id, outside, task.count)
        found = _failed_of(store, task, chosen)
    listed = list(islice(found, MAX_RANGES + 1))
    if len(listed) > MAX_RANGES:
        raise InvalidInput(
            f"these steps are more than {MAX_RANGES} ranges; choose fewer, or resume the task for all",
            field="steps",
        )
    return listed


def _named(chosen: ChosenSteps) -> Iterator[int]:
    yield from chosen.steps
    yield from (after - 1 for _, after in chosen.ranges)


def _failed_of(store: Store, task: Task, chosen: ChosenSteps) -> Iterator[Range]:
    """The steps that gave up among those named, read in chunks."""
    for first in range(0, task.count if task.failed_steps else 0, CHUNK_BYTES * 8):
        after = min(first + CHUNK_BYTES * 8, task.count)
        wanted = np.zeros(after - first, bool)
        for start, stop in (*((step, step + 1) for step in chosen.steps), *chosen.ranges):
            wanted[max(0, start - first) : max(0, stop - first)] = True
        if wanted.any():
            bits = store.failures.failed_bytes(task.id, first // 8, after // 8 + 1)
            failed = np.unpackbits(np.frombuffer(bits, np.uint8), count=after - first).astype(bool)
            yield from ranges_of(first + np.flatnonzero(failed & wanted))


def _with_errors(store: Store, task: Task, steps: list[int]) -> list[GivenUp]:
    errors = store.failures.errors(task.id, steps)
    attempts = store.failures.attempts(task.id, steps)
    return [
        GivenUp(step, tried, None if text is None else json.loads(text))
        for step, tried, text in zip(steps, attempts, errors, strict=True)
    ]

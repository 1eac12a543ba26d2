"""Reports of finished steps, and counting what is missing again; either may end a task."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from donebit import clock
from donebit.completion import announcing, changing, lifecycle
from donebit.completion.results import check_report, full
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.errors import Conflict, DonebitError, InvalidInput
from donebit.names import stored_name
from donebit.store import Store
from donebit.store.answers import MarkStepsResult, ReportStatus
from donebit.store.lease_values import Holder
from donebit.store.results import ResultRun
from donebit.store.step_marks import StepMark

MAX_STEPS_PER_REPORT = 10_000  # single steps and ranges in one call: about 5 ms of the server
MAX_PREPARATIONS = 5  # when others resume the task each time, and it fails again


@dataclass(frozen=True, slots=True)
class Report:
    """What a report of finished steps changed."""

    fresh: int  # steps newly done
    completed_task: bool
    state: State
    count: int
    missing_steps: int  # neither done nor given up
    failed_steps: int  # given up

    @property
    def done_steps(self) -> int:
        return self.count - self.missing_steps - self.failed_steps


def report(
    store: Store,
    task_id: str,
    steps: Sequence[int] = (),
    ranges: Sequence[tuple[int, int]] = (),
    *,
    token: str | None = None,
    nonce: str = "",
    reply_key: str | None = None,
    releasing: Holder | None = None,
) -> Report:
    """Mark steps, and half-open ranges of them, as done: all or nothing.

    A failed task whose last missing or failed step is among them becomes done, under its next run.

    Args:
        token: identifies this call; a repeat with the same token gets the same `completed_task`.
        nonce: of the task; a later task under the same id has another. Empty for any.
        reply_key: an Idempotency-Key; a repeat with the same key within an hour gets the same answer.
        releasing: whose lease on the steps is given up once they are marked, in the same round trip; not
            with a reply key.

    Raises:
        NotFound: no such task, or it has expired.
        InvalidInput: a step is not in the task, a range is empty or runs backwards, there are too many of
            them, or the reply key was used for another request.
        StoreUnavailable: perhaps recorded; reporting again is safe.
    """
    stored_name(task_id, "task_id")
    _check_report(len(steps), ranges)
    token = token or changing.call_token(reply_key, list(steps), list(map(tuple, ranges)))
    mark: Callable[..., MarkStepsResult]
    if releasing is None:
        mark = partial(store.tasks.mark_steps, task_id, steps, ranges, token=token, reply_key=reply_key)
    else:
        mark = partial(store.leases.mark_and_release, releasing, task_id, steps, ranges, token=token)
    return _mark_prepared(store, task_id, nonce, reply_key, mark)


class StepReport(NamedTuple):
    """A report of one step, as `report` takes it."""

    task_id: str
    step: int
    reply_key: str | None = None
    nonce: str = ""


def report_each(store: Store, reports: Sequence[StepReport]) -> list[Report | Exception | None]:
    """Mark steps of reports that know nothing of each other, each as `report` does, in one round trip.

    Returns:
        What each of them changed. None where the task has failed and must be prepared for another end, and
        nothing was marked: `report` does that. In place of one that failed, the error that `report` raises.

    Raises:
        InvalidInput: a task's id can be none; nothing was marked.
        StoreUnavailable: any of them may be recorded; reporting again is safe.
    """
    now_ms = clock.now_ms()
    marks = [
        StepMark(
            stored_name(task_id, "task_id"),
            [step],
            (),
            now_ms,
            changing.call_token(key, [step], []),
            nonce,
            reply_key=key,
        )
        for task_id, step, key, nonce in reports
    ]
    return [_each_report(*pair) for pair in zip(reports, store.tasks.mark_each(marks), strict=True)]


def _each_report(asked: StepReport, marked: MarkStepsResult | Exception) -> Report | Exception | None:
    if isinstance(marked, Exception):
        return marked
    if marked.status is ReportStatus.FAILED:
        return None
    try:
        return _report(asked.task_id, marked, asked.reply_key)
    except DonebitError as error:
        return error


def report_results(
    store: Store,
    task_id: str,
    results: Sequence[ResultRun],
    steps: Sequence[int] = (),
    ranges: Sequence[tuple[int, int]] = (),
    *,
    max_bytes: int,
    token: str | None = None,
    nonce: str = "",
    reply_key: str | None = None,
) -> Report:
    """Mark steps as done and keep what they returned, as `report` does; a step keeps its first result.

    Args:
        results: steps that are done, with their results.
        steps: further ones without a result, as `ranges` are.
        max_bytes: what the results of the task may have in all.

    Raises:
        ResultsFull: there is no room for them.
        InvalidInput: as for `report`, or the results are too large for one report.
    """
    stored_name(task_id, "task_id")
    check_report(results)
    _check_report(len(steps) + sum(len(run.values) for run in results), ranges)
    content = (list(steps), list(map(tuple, ranges)), results)
    token = token or changing.call_token(reply_key, *content)
    marking = partial(store.results.mark_results, task_id, results, steps, ranges, max_bytes=max_bytes)
    mark = partial(marking, token=token, reply_key=reply_key)
    return _mark_prepared(store, task_id, nonce, reply_key, mark, max_bytes)


def _mark_prepared(
    store: Store,
    task_id: str,
    nonce: str,
    reply_key: str | None,
    mark: Callable[..., MarkStepsResult],
    max_bytes: int = 0,
) -> Report:
    """Mark steps, and let a failed task end once more if they are steps of one."""
    prepared = nonce
    for _ in range(MAX_PREPARATIONS):
        marked = mark(now_ms=clock.now_ms(), nonce=prepared)
        if marked.status is ReportStatus.FULL:
            raise full(task_id, marked.fresh, max_bytes)
        if marked.status is not ReportStatus.FAILED:
            return _report(task_id, marked, reply_key)
        prepared = _prepare_run(store, task_id, nonce)
    raise Conflict(f"task {task_id} is being resumed by others repeatedly")


def _prepare_run(store: Store, task_id: str, nonce: str) -> str:
    """Let a failed task end once more; what mark_steps is to be given as its nonce then."""
    failed = prepare_next_end(store, task_id)
    if nonce not in ("", failed.nonce):  # it is another task, under the same id since
        raise changing.unknown_task(task_id)
    return f"{failed.nonce}/{failed.run}"


def prepare_next_end(store: Store, task_id: str) -> Task:
    """Let a failed task end once more: its failed end is announced, and the sweep looks after the next one.

    Returns:
        The task as it was before.

    Raises:
        NotFound: no such task, or it has expired.
    """
    task = lifecycle.get_task(store, task_id).task
    announcing.announce_before_resume(store, task)
    # Indexed first: a stale entry is harmless, a missing one is not.
    check_ms = clock.now_ms() + lifecycle.FIRST_CHECK_AFTER // timedelta(milliseconds=1)
    store.task_index.open_again(task_id, check_ms, TaskTtls(task.open_ttl, task.ended_ttl).index)
    return task


def recount(store: Store, task: Task) -> Report:
    """Count the missing steps from the bitmap itself, and end the task if there are none.

    So bits that another program has set in the bitmap count too. A failed task whose steps are all done
    becomes done, under its next run.

    Raises:
        NotFound: the task is gone.
    """
    report = _recount(store, task)
    if report.state is State.FAILED and report.done_steps == report.count:
        report = _recount(store, task, prepare_next_end(store, task.id).run)
    return report


def _recount(store: Store, task: Task, prepared_run: int = 0) -> Report:
    marked = store.tasks.recount_task(
        task.id,
        now_ms=clock.now_ms(),
        token=secrets.token_hex(16),
        nonce=task.nonce,
        prepared_run=prepared_run,
    )
    return _report(task.id, marked)


def _check_report(steps: int, ranges: Sequence[tuple[int, int]]) -> None:
    size = steps + len(ranges)
    if size > MAX_STEPS_PER_REPORT:
        raise InvalidInput(
            f"{size} steps and ranges in one report; at most {MAX_STEPS_PER_REPORT}", field="steps"
        )
    for first, after in ranges:
        if not 0 <= first < after:
            raise InvalidInput(
                f"range [{first}, {after}) is empty, runs backwards or starts below 0", field="ranges"
            )


def _report(task_id: str, marked: MarkStepsResult, reply_key: str | None = None) -> Report:
    if marked.status is ReportStatus.REUSED:
        raise changing.key_reused(reply_key)
    if marked.status is ReportStatus.UNKNOWN:
        raise changing.unknown_task(task_id)
    if marked.status is ReportStatus.RANGE:
        raise changing.no_such_step(task_id, marked.fresh, marked.steps)
    return Report(
        marked.fresh,
        bool(marked.completed),
        State(marked.state),
        marked.steps,
        missing_steps=marked.left,
        failed_steps=marked.failed,
    )

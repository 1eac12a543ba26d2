"""Messages that requests send to the worker. Without a broker, the sweep sends them later."""

from __future__ import annotations

import logging

from donebit.completion import fanout, resuming
from donebit.completion.failing import ChosenSteps
from donebit.completion.leases import MAX_RANGES_SENT
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.errors import BrokerUnavailable
from donebit.queue import Publisher
from donebit.store import Store

log = logging.getLogger(__name__)


def publish_end(publisher: Publisher, task_id: str) -> None:
    """Have the worker announce an end. It is stored already, so without a broker the sweep does it later."""
    try:
        publisher.announce(task_id)
    except BrokerUnavailable as error:
        log.warning("the end of task %s is announced later: %s", task_id, error.in_full)


def request_fan_out(publisher: Publisher, task: Task, first: int = 0) -> bool | None:
    """Have the worker send a task's missing steps from `first` on.

    Returns:
        Whether the broker took the request; if not, the sweep sends the steps later. None for a task that
        has no job or no steps yet, waits for more items, or has ended.
    """
    if task.spec.job is None or task.ended or not task.count or task.is_filled:
        return None
    try:
        publisher.dispatch(task, first)
    except BrokerUnavailable as error:
        log.warning("the steps of task %s are sent later: %s", task.id, error.in_full)
        return False
    return True


def publish_start(publisher: Publisher, task: Task) -> bool | None:
    """Have the worker send a new task's steps, or announce its end if it has none.

    Returns:
        As request_fan_out.
    """
    if task.ended:
        publish_end(publisher, task.id)
    return request_fan_out(publisher, task)


def close(
    store: Store,
    publisher: Publisher,
    task_id: str,
    *,
    expected: int | None = None,
    reply_key: str | None = None,
) -> None:
    """Close an open task, and have its end announced if it has ended, or its steps sent if they have items.

    Raises:
        NotFound: no such task, or it has expired.
        Conflict: it has ended, is not open, or has another total than expected.
        InvalidInput: the reply key was used for another request.
    """
    task, ended = resuming.close(store, task_id, expected=expected, reply_key=reply_key)
    if ended:
        publish_end(publisher, task_id)
    elif task.spec.items is not None:
        request_fan_out(publisher, task)


def resume(
    store: Store, publisher: Publisher, task_id: str, ttls: TaskTtls, *, reply_key: str | None = None
) -> None:
    """Resume a failed, cancelled, stalled or paused task and have its missing steps sent.

    Raises:
        NotFound: no such task, or it has expired.
        Conflict: it is done, or running and neither stalled nor paused.
        InvalidInput: the reply key was used for another request.
    """
    publish_start(publisher, resuming.resume(store, task_id, ttls, reply_key=reply_key))


def retry(
    store: Store,
    publisher: Publisher,
    task_id: str,
    chosen: ChosenSteps,
    ttls: TaskTtls,
    *,
    reply_key: str | None = None,
) -> int:
    """Try chosen steps again that gave up, and return how many they are.

    Of a running task just these are sent now; of one that had failed all that are missing.

    Raises:
        NotFound: no such task, or it has expired.
        Conflict: it is done or cancelled, or none of the steps gave up.
        InvalidInput: as for resuming.retry.
    """
    retried = resuming.retry(store, task_id, chosen, ttls, reply_key=reply_key)
    if retried.began_again:
        publish_start(publisher, retried.task)
    elif retried.task.spec.job is not None and not retried.task.paused:
        _send_steps(publisher, retried.task, retried.ranges)
    return retried.steps


def _send_steps(publisher: Publisher, task: Task, ranges: list[tuple[int, int]]) -> None:
    """Send steps of a running task, some of them or many in each message."""
    size = fanout.batch_size(task.count, task.spec.batch)
    parts = [(one.start, one.stop) for one in fanout.slices(ranges, size)]
    try:
        for first in range(0, len(parts), MAX_RANGES_SENT):
            publisher.run_ranges(task, parts[first : first + MAX_RANGES_SENT])
    except BrokerUnavailable as error:
        log.warning("steps of task %s are sent later: %s", task.id, error.in_full)

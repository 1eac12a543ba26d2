"""What a request changes and then sends to the worker; what the broker refuses the sweep sends later."""

from __future__ import annotations

import logging

from donebit.completion import resuming
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.errors import BrokerUnavailable
from donebit.queue import Publisher
from donebit.store import Store

log = logging.getLogger(__name__)


def publish_end(publisher: Publisher, task_id: str) -> None:
    """Have the end told. It is already claimed and kept: without a broker the sweep tells it later."""
    try:
        publisher.announce(task_id)
    except BrokerUnavailable as error:
        log.warning("the end of task %s is told later: %s", task_id, error.detail)


def request_fan_out(publisher: Publisher, task: Task, first: int = 0) -> bool | None:
    """Have a task's missing steps sent, from `first` on; whether the broker took it, None without a job."""
    if task.spec.job is None or task.ended:
        return None
    try:
        publisher.dispatch(task, first)
    except BrokerUnavailable as error:
        log.warning("the steps of task %s are sent later: %s", task.id, error.detail)
        return False
    return True


def resume(store: Store, publisher: Publisher, task_id: str, ttls: TaskTtls) -> None:
    """Let a failed or stalled task run again. Raises as resuming.resume does."""
    task = resuming.resume(store, task_id, ttls)
    if task.ended:
        publish_end(publisher, task_id)
    request_fan_out(publisher, task)

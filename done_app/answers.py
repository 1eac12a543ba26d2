"""What done_app's routes answer of a task."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import numpy as np

from done_app.models import AttemptAnswer, DeliveryAnswer, Rule, TaskAnswer
from shared import clock
from shared.completion import deliveries, lifecycle, missing
from shared.completion.deliveries import Shown
from shared.completion.failing import Failure
from shared.completion.lifecycle import Report
from shared.completion.order import State
from shared.completion.task import Sight, Task
from shared.store import Store
from shared.web.problems import documented
from shared.web.task_summary import TaskSummary

FIRST_RANGES = 10  # how many missing ranges an answer shows unasked
GONE = documented(HTTPStatus.NOT_FOUND)
GONE_OR_ENDED = documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


def task_answer(store: Store, sight: Sight) -> TaskAnswer:
    task = sight.task
    return TaskAnswer(
        **TaskSummary.of(task).model_dump(),
        params=dict(task.order.params),
        missing=missing.page(store, task, limit=FIRST_RANGES).ranges,
        rule=Rule(first_gap=sight.reading.first_gap, set_bits=sight.reading.set_bits),
        run=task.run,
        dispatched_at=clock.iso(task.dispatched_at) if task.dispatched_at else None,
        heals=task.heals,
        took_seconds=task.took.total_seconds() if task.took else None,
        deliveries=[_delivery(shown) for shown in deliveries.of_task(store, task)],
    )


def _delivery(shown: Shown) -> DeliveryAnswer:
    delivery = shown.delivery
    return DeliveryAnswer(
        kind=shown.kind,
        to=delivery.to,
        announcement_id=delivery.announcement_id,
        outcome=delivery.outcome.value,
        attempts=[AttemptAnswer(at=clock.iso(one.at), said=one.said) for one in delivery.attempts],
        next_attempt_at=clock.iso(shown.next_attempt_at) if shown.next_attempt_at else None,
    )


def bitmap_of(store: Store, task: Task) -> bytes:
    """Bits 0..N and zero padding; made from the count once the task is done and its bitmap dropped."""
    size = task.count // 8 + 1
    if task.state is State.DONE:
        return np.packbits(np.ones(task.count + 1, np.uint8)).tobytes()
    bits = store.tasks.bitmap_bytes(task.id, 0, size)
    if not bits:  # done, or gone, since the look
        return bitmap_of(store, lifecycle.look(store, task.id).task)
    return bits


def common(task_id: str, made: Report | Failure) -> dict[str, Any]:
    return {
        "task_id": task_id,
        "completed_task": made.completed_task,
        "state": made.state,
        "done_steps": made.done_steps,
        "count": made.count,
    }

"""What done_app's routes answer of a task."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any

import numpy as np

from done_app.models import AttemptAnswer, DeliveryAnswer, Rule, SweepAnswer, TaskAnswer
from shared import clock
from shared.completion import deliveries, diagnosis, lifecycle, missing
from shared.completion.deliveries import Shown
from shared.completion.diagnosis import Diagnosis, Signs
from shared.completion.failing import Failure
from shared.completion.lifecycle import Report
from shared.completion.order import State
from shared.completion.task import Sight, Task
from shared.config import Settings
from shared.queue import SLICES, STEPS
from shared.store import Store
from shared.web.problems import documented
from shared.web.task_summary import TaskSummary

FIRST_RANGES = 10  # how many missing ranges an answer shows unasked
GONE = documented(HTTPStatus.NOT_FOUND)
GONE_OR_ENDED = documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


def task_answer(store: Store, settings: Settings, sight: Sight) -> TaskAnswer:
    task, now = sight.task, clock.now()
    found = diagnosis.diagnose(task, signs(store, settings), now)
    return TaskAnswer(
        **TaskSummary.of(task).model_dump(),
        params=dict(task.order.params),
        missing=missing.page(store, task, limit=FIRST_RANGES).ranges,
        rule=Rule(first_gap=sight.reading.first_gap, set_bits=sight.reading.set_bits),
        run=task.run,
        why=found.sentence(task, now),
        waiting_for=found.waiting_for,
        last_progress_age_seconds=(now - task.last_progress_at).total_seconds(),
        steps_per_second=found.steps_per_second,
        seconds_left=found.time_left.total_seconds() if found.time_left is not None else None,
        dispatched_at=_iso(task.dispatched_at),
        messages_sent=task.messages,
        failed_attempts=task.failed_attempts,
        heals=task.heals,
        sweep=_sweep(store, task, found),
        took_seconds=task.took.total_seconds() if task.took else None,
        deliveries=[_delivery(shown) for shown in deliveries.of_task(store, task)],
    )


def signs(store: Store, settings: Settings) -> Signs:
    """What can be seen of the queue, where the broker is this Redis, and of the workers."""
    (worker,) = store.pulse.last_seen_ms("worker")
    if settings.broker != settings.redis_url:
        return Signs(worker is not None, None, None)
    queued = sum(store.pulse.queue_lengths((STEPS, SLICES)))
    return Signs(worker is not None, queued, store.pulse.messages_in_hand())


def _sweep(store: Store, task: Task, found: Diagnosis) -> SweepAnswer:
    next_look_ms = store.tasks.next_look(task.id)
    return SweepAnswer(
        looked_at=_iso(task.looks[-1].at if task.looks else None),
        next_look_at=None if next_look_ms is None else clock.iso(clock.moment_of_ms(next_look_ms)),
        asks_at=_iso(found.asks_at),
        probed_at=_iso(task.probed_at),
        stalled_at=_iso(task.stalled_at),
    )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else clock.iso(moment)


def _delivery(shown: Shown) -> DeliveryAnswer:
    delivery = shown.delivery
    return DeliveryAnswer(
        kind=shown.kind,
        to=delivery.to,
        announcement_id=delivery.announcement_id,
        outcome=delivery.outcome.value,
        attempts=[AttemptAnswer(at=clock.iso(one.at), said=one.said) for one in delivery.attempts],
        next_attempt_at=_iso(shown.next_attempt_at),
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

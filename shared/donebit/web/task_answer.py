"""One task in full, as answers and pages show it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from donebit import amqp_url, clock
from donebit.completion import deliveries, diagnosis, leases, missing
from donebit.completion.deliveries import DeliveryView
from donebit.completion.diagnosis import Diagnosis, Observations
from donebit.completion.task import EarlierRun, Task, TaskSnapshot
from donebit.config import Settings
from donebit.priority import Priority
from donebit.queue import queues_of_steps
from donebit.queue_lengths import read_lengths
from donebit.store import Store
from donebit.web.task_summary import TaskSummary
from donebit.workers import presence

FIRST_RANGES = 10  # how many missing ranges an answer shows unasked

# Not a tuple: few tools know how JSON Schema 2020-12 describes one.
Range = Annotated[Sequence[int], Field(min_length=2, max_length=2)]


class Rule(BaseModel):
    """What the rule says of the bitmap now: the task is done when both are equal, and not 0."""

    first_gap: int = Field(description="BITPOS key 0", examples=[2])
    set_bits: int = Field(description="BITCOUNT key, end marker included", examples=[5])


class AttemptAnswer(BaseModel):
    at: str = Field(examples=["2026-11-21T03:04:05.678Z"])
    said: str = Field(description="what came of it", examples=["answered 503"])


class DeliveryAnswer(BaseModel):
    """The delivery of one end to one receiver."""

    kind: str = Field(description="webhook, callback or then", examples=["webhook"])
    to: str = Field(description="the URL, the function, or the next task's id")
    announcement_id: str = Field(
        description="the end's id: `webhook-id`, `Idempotency-Key` and the id of the Celery message",
        examples=["msg_1c3f0e0b8f6d4a7a9be0a1f2d3c4b5a6"],
    )
    outcome: str = Field(description="pending, delivered or given up", examples=["pending"])
    attempts: list[AttemptAnswer]
    next_attempt_at: str | None


class SweepAnswer(BaseModel):
    """What the sweep, which looks after every open task, has done for this one."""

    looked_at: str | None
    next_look_at: str | None = Field(
        description="null: its end is announced, and the sweep no longer looks at it"
    )
    asks_at: str | None = Field(description="when it probes the queue, unless there is progress before")
    probed_at: str | None = Field(description="when it last probed the queue")
    stalled_at: str | None = Field(description="when it gave up: nothing came of all it sent again")


class EarlierRunAnswer(BaseModel):
    """A run that ended as failed or cancelled, and was resumed."""

    run: int = Field(examples=[1])
    started_at: str
    ended_at: str
    state: str = Field(description="failed or cancelled", examples=["failed"])
    done_steps: int = Field(description="by its end, those of the runs before it too", examples=[8])
    failed_steps: int = Field(examples=[2])

    @classmethod
    def of(cls, ended: EarlierRun) -> EarlierRunAnswer:
        return cls(
            run=ended.run,
            started_at=clock.iso(ended.started_at),
            ended_at=clock.iso(ended.ended_at),
            state=ended.state,
            done_steps=ended.done_steps,
            failed_steps=ended.failed_steps,
        )


class TaskAnswer(TaskSummary):
    """One task, and why it is not done."""

    params: dict[str, Any]
    items: bool = Field(description="whether each step has an item of its own")
    results: int = Field(description="how many of its steps have a result", examples=[0])
    missing: Sequence[Range] = Field(description="the first missing ranges, half open")
    rule: Rule
    rerun_of: str | None = Field(description="the task that this one runs again; null: none")
    run: int = Field(
        description="1, and one more for each resume, or when a failed task becomes done", examples=[1]
    )
    why: str = Field(
        description="why the task is not done, in one sentence",
        examples=["6 of 10 steps are missing, last progress 3 s ago: queued"],
    )
    waiting_for: str | None = Field(
        description="paused, close, reports, fan-out, worker, job, retry, running, limit, queue or lost; "
        "null: it has ended",
        examples=["running"],
    )
    last_progress_age_seconds: float
    steps_per_second: float | None = Field(
        description="since the last look of the sweep but one; null: it is paused or has ended, or too early"
    )
    seconds_left: float | None = Field(
        description="at that speed; null until a hundredth of the run is done, which says too little"
    )
    dispatched_at: str | None = Field(description="when its steps were sent; null: not yet, or it has no job")
    messages_sent: int = Field(description="in this run, by the fan-out and by the sweep")
    failed_attempts: int = Field(description="in this run")
    heals: int = Field(description="how often its missing steps were sent again since the last progress")
    sweep: SweepAnswer
    run_started_at: str = Field(description="when the present run, or the last one, began; UTC")
    took_seconds: float | None = Field(
        description="from the beginning of the last run to its end; null: it has not ended"
    )
    earlier_runs: list[EarlierRunAnswer] = Field(description="the last 20 of them, oldest first")
    deliveries: list[DeliveryAnswer] = Field(
        description="the receivers of its ends, with every attempt to deliver to them"
    )


def task_answer(store: Store, settings: Settings, sight: TaskSnapshot) -> TaskAnswer:
    task, now = sight.task, clock.now()
    seen = signs(store, settings, task.spec.priority)
    found = diagnosis.diagnose(task, seen, now, leases.running_steps(store, task.id))
    return TaskAnswer(
        **TaskSummary.of(task).model_dump(),
        params=dict(task.spec.params),
        items=task.spec.items is not None,
        results=task.results,
        missing=missing.list_missing(store, task, limit=FIRST_RANGES).ranges,
        rule=Rule(first_gap=sight.reading.first_gap, set_bits=sight.reading.set_bits),
        rerun_of=task.rerun_of,
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
        run_started_at=clock.iso(task.run_started_at),
        took_seconds=task.took.total_seconds() if task.took is not None else None,
        earlier_runs=[EarlierRunAnswer.of(one) for one in task.earlier_runs],
        deliveries=[_delivery(shown) for shown in deliveries.list_deliveries(store, task)],
    )


def signs(store: Store, settings: Settings, priority: Priority) -> Observations:
    """What can be seen of the workers, and of the queues that steps of a priority wait in.

    Of these only where the broker says how many messages wait.
    """
    live = presence.live_workers(store, clock.now())
    lengths = read_lengths(store, settings, queues_of_steps(priority))
    queued = None if lengths is None else sum(lengths.values())
    if queued == 0 and amqp_url.is_rabbitmq(settings.broker):
        # It gives a worker messages that wait there for a process, and does not count them.
        queued = int(presence.has_full_worker(live))
    return Observations(bool(live), queued, presence.jobs_of(live))


def _sweep(store: Store, task: Task, found: Diagnosis) -> SweepAnswer:
    next_look_ms = store.task_index.next_look(task.id)
    return SweepAnswer(
        looked_at=_iso(task.samples[-1].at if task.samples else None),
        next_look_at=None if next_look_ms is None else clock.iso(clock.moment_of_ms(next_look_ms)),
        asks_at=_iso(found.next_probe_at),
        probed_at=_iso(task.probed_at),
        stalled_at=_iso(task.stalled_at),
    )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else clock.iso(moment)


def _delivery(shown: DeliveryView) -> DeliveryAnswer:
    delivery = shown.delivery
    return DeliveryAnswer(
        kind=shown.kind,
        to=delivery.to,
        announcement_id=delivery.announcement_id,
        outcome=delivery.outcome.value,
        attempts=[AttemptAnswer(at=clock.iso(one.at), said=one.result) for one in delivery.attempts],
        next_attempt_at=_iso(shown.next_attempt_at),
    )

"""Why a task is not done: what it waits for, how fast it goes, and how long that may take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from donebit.completion.state import State
from donebit.completion.task import ProgressSample, Task
from donebit.formatting import duration

FRESH = timedelta(seconds=2)  # progress that is younger shows that somebody is at work
SHORTEST_LOOK = timedelta(seconds=0.5)  # a rate over less says nothing


class Waiting(StrEnum):
    """What a running task waits for."""

    REPORTS = "reports"  # it has no job: somebody else reports its steps
    FAN_OUT = "fan-out"  # its messages are not sent yet
    WORKER = "worker"  # none was seen within the last minute
    RETRY = "retry"  # a failed step's pause before its next attempt
    RUNNING = "running"  # a worker is at its steps
    QUEUE = "queue"  # its messages wait behind others
    LOST = "lost"  # no message of it waits, and none is being worked at


@dataclass(frozen=True, slots=True)
class Signs:
    """What is seen beside the task; None for what cannot be seen, the broker being elsewhere."""

    worker_seen: bool
    queued: int | None  # messages that wait for a worker, of all tasks
    in_hand: int | None  # messages that workers have taken and not finished


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a task is not done; of one that has ended, nothing."""

    waiting_for: Waiting | None
    steps_per_second: float | None
    time_left: timedelta | None
    asks_at: datetime | None  # when the sweep asks through the queue, if nothing moves until then

    def sentence(self, task: Task, now: datetime) -> str:
        """For somebody who wonders."""
        if task.state is State.FAILED:
            return f"it is failed: {task.failed_steps:,} of {task.count:,} steps gave up, and can be resumed"
        if self.waiting_for is None:
            return f"it is {task.state}"
        age = duration(round((now - task.last_progress_at).total_seconds()))
        are = "is" if task.missing_steps == 1 else "are"
        missing = f"{task.missing_steps:,} of {task.count:,} steps {are} missing"
        return f"{missing}, and the last progress is {age} old: {REASONS[self.waiting_for]}"


REASONS = {
    Waiting.REPORTS: "they are reported from elsewhere, and can only be waited for",
    Waiting.FAN_OUT: "their messages are not sent yet, as no worker has come to it",
    Waiting.WORKER: "no worker was seen within the last minute",
    Waiting.RETRY: "a step that failed waits for its next attempt",
    Waiting.RUNNING: "a worker is at them; should it have died, the sweep sends them again",
    Waiting.QUEUE: "they wait in the queue",
    Waiting.LOST: "no message waits and none is worked at; the sweep sends them again, or has given up",
}


def diagnose(task: Task, signs: Signs, now: datetime) -> Diagnosis:
    """What somebody who asks why it is not done should know."""
    if task.ended:
        return Diagnosis(None, None, None, None)
    rate = steps_per_second(task, now)
    return Diagnosis(
        waiting_for(task, signs, now),
        rate,
        timedelta(seconds=task.missing_steps / rate) if rate else None,
        asks_at(task),
    )


def waiting_for(task: Task, signs: Signs, now: datetime) -> Waiting:
    """The first that is so; what is seen of the queue does not say whose messages are in it."""
    moved = max(task.last_progress_at, task.dispatched_at or task.last_progress_at)
    in_turn = (
        (task.spec.job is None, Waiting.REPORTS),
        (task.stalled, Waiting.LOST),
        (not signs.worker_seen, Waiting.WORKER),
        (task.dispatched_at is None, Waiting.FAN_OUT),
        (task.quiet_until is not None and task.quiet_until > now, Waiting.RETRY),
        (now - moved < FRESH, Waiting.RUNNING),
    )
    return next((waiting for holds, waiting in in_turn if holds), _by_the_queue(signs))


def _by_the_queue(signs: Signs) -> Waiting:
    if signs.queued is None or signs.queued > 0:
        return Waiting.QUEUE
    return Waiting.RUNNING if signs.in_hand else Waiting.LOST


def steps_per_second(task: Task, now: datetime) -> float | None:
    """Since the last look of the sweep but one, or the fan-out; None when it is too early to say."""
    looks = task.looks
    if len(looks) < 2 and task.run == 1 and task.dispatched_at is not None:
        looks = (ProgressSample(task.dispatched_at, task.count), *looks)
    if not looks or now - looks[0].at < SHORTEST_LOOK:
        return None
    return max(0, looks[0].missing_steps - task.missing_steps) / (now - looks[0].at).total_seconds()


def asks_at(task: Task) -> datetime | None:
    """When the sweep asks through the queue about a task that does not move; None when it does not ask."""
    if task.spec.job is None or task.stalled:
        return None
    if task.probed_at is None or task.moved_at > task.probed_at:
        return task.moved_at + task.spec.stall_after
    pauses: int = 2**task.heals
    return task.probed_at + task.spec.stall_after * pauses

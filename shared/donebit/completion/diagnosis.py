"""Why a task is not done: what it waits for, how fast it goes, and how long that may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from donebit.completion.chords import is_chord
from donebit.completion.leases import RunningStep
from donebit.completion.state import State
from donebit.completion.task import ProgressSample, Task
from donebit.formatting import duration

RECENT_PROGRESS = timedelta(seconds=2)  # more recent progress shows that a worker is running its steps
MIN_SAMPLE_TIME = timedelta(seconds=0.5)  # a rate over less time is meaningless
EVIDENCE = 100  # the part of a run that must be done before its rest is estimated: 1 / 100


class Waiting(StrEnum):
    """What a running task waits for."""

    PAUSED = "paused"  # for its resume
    CLOSE = "close"  # it is open, and each of its steps has ended, or none may start before
    REPORTS = "reports"  # it has no job: its steps are reported from elsewhere
    FAN_OUT = "fan-out"  # its messages are not sent yet
    WORKER = "worker"  # none is alive
    JOB = "job"  # for a worker that has its job and can read its params
    RETRY = "retry"  # a failed step's pause before its next attempt
    RUNNING = "running"  # a worker runs its steps
    LIMIT = "limit"  # as many steps as its max_concurrency allows, or its job's, run now
    QUEUE = "queue"  # its messages wait in the queue
    LOST = "lost"  # no message waits, and no process runs its steps


@dataclass(frozen=True, slots=True)
class Observations:
    """What is known of workers and queues; None for what is unknown, as the broker does not say."""

    worker_alive: bool  # some worker is, of any jobs
    queued: int | None  # messages that wait for a worker, of all tasks
    jobs: frozenset[str] | None = None  # that live workers have


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a task is not done; all fields are None for a task that has ended."""

    waiting_for: Waiting | None
    steps_per_second: float | None
    time_left: timedelta | None
    next_probe_at: datetime | None  # when the sweep sends a probe, if there is no progress until then
    no_worker: str | None = None  # why none can run it, where that is what it waits for
    running: Sequence[RunningStep] = ()  # what living processes run of it, the longest running first

    def sentence(self, task: Task, now: datetime) -> str:
        """The diagnosis as a sentence."""
        if task.state is State.FAILED:
            failed = f"{task.failed_steps:,} of {task.count:,} steps failed"
            if is_chord(task.spec):
                return failed
            if task.missing_steps:
                return (
                    f"{failed}, which cancelled {task.missing_steps:,} others (fail_fast). Resume runs both"
                )
            return f"{failed}. Resume retries only those"
        if self.waiting_for is None:
            return f"it is {task.state}"
        if self.waiting_for is Waiting.CLOSE:
            return f"it is open: {close_reason(task)}"
        age = duration(round((now - task.last_progress_at).total_seconds()))
        are = "is" if task.missing_steps == 1 else "are"
        missing = f"{task.missing_steps:,} of {task.count:,} steps {are} missing"
        return f"{missing}, last progress {age} ago: {self.reason(task)}"

    def reason(self, task: Task) -> str:
        """What a running task waits for; of steps that run, which has run the longest, and where."""
        if self.no_worker is not None:
            return self.no_worker
        if task.stalled and self.waiting_for is Waiting.LOST:
            return GIVEN_UP
        named = [one for one in self.running if one.step is not None]
        if self.waiting_for is not Waiting.RUNNING or not named:
            return REASONS[self.waiting_for or Waiting.LOST]
        first, more = named[0], len(named) - 1  # the others may find no permit, and send their steps back
        others = (
            f", and {more:,} more {'process runs' if more == 1 else 'processes run'} steps of it"
            if more
            else ""
        )
        age = duration(int(first.age.total_seconds()))
        return f"step {first.step} has been running for {age} in worker {first.worker}{others}"


def close_reason(task: Task) -> str:
    """What an open task waits for whose steps have all ended."""
    if not task.count:
        return "it has no steps yet, and ends when it is closed"
    if task.missing_steps > 0:
        its = "its step starts" if task.count == 1 else f"its {task.count:,} steps start"
        return f"{its} when it is closed"
    has = "its step has" if task.count == 1 else f"all its {task.count:,} steps have"
    return f"{has} ended, and it ends when it is closed"


GIVEN_UP = "lost, and resending brought no progress; resume sends them again"
REASONS = {
    Waiting.PAUSED: "paused; resume sends its missing steps",
    Waiting.CLOSE: "waiting to be closed",
    Waiting.REPORTS: "waiting for external reports",
    Waiting.FAN_OUT: "their messages are not sent yet",
    Waiting.WORKER: "no worker is alive",
    Waiting.JOB: "no live worker has its job",
    Waiting.RETRY: "a failed step is retried soon",
    Waiting.RUNNING: "in progress; if a worker dies, missing steps are resent automatically",
    Waiting.LIMIT: "max_concurrency lets no more steps run at once",
    Waiting.QUEUE: "queued",
    Waiting.LOST: "lost, will be resent",
}


def diagnose(task: Task, seen: Observations, now: datetime, running: Sequence[RunningStep] = ()) -> Diagnosis:
    """Find out why a task is not done, how fast it goes and how long it will take.

    Args:
        running: what living processes run of it.
    """
    if task.ended:
        return Diagnosis(None, None, None, None)
    rate = steps_per_second(task, now)
    waiting = waiting_for(task, seen, now, running=is_at_work(task, seen, now, running))
    return Diagnosis(
        waiting,
        rate,
        timedelta(seconds=task.missing_steps / rate) if rate and is_predictable(task) else None,
        next_probe_at(task),
        why_no_worker(task, seen, now) if waiting is Waiting.JOB else None,
        running,
    )


def is_at_work(task: Task, seen: Observations, now: datetime, running: Sequence[RunningStep]) -> bool:
    """Whether living processes run steps of a task; one that has only just taken some may send them back."""
    if any(one.step is not None for one in running):
        return True
    go_back = not has_its_job(task, seen) or _is_handed_back(task, now) or _waits_for_permit(task, now)
    return bool(running) and not go_back


def waiting_for(task: Task, seen: Observations, now: datetime, *, running: bool = False) -> Waiting:
    """What a running task waits for: the first condition that holds.

    The queues come last, as their lengths do not say whose messages are in them. What workers have not
    acknowledged says nothing at all: a killed worker's messages stay there for an hour.

    Args:
        running: living processes run steps of it.
    """
    moved = max(task.last_progress_at, task.dispatched_at or task.last_progress_at)
    conditions = (
        (task.paused and task.missing_steps > 0, Waiting.PAUSED),  # or its close ends it, paused or not
        (task.waits_for_close, Waiting.CLOSE),
        (task.spec.job is None, Waiting.REPORTS),
        (running, Waiting.RUNNING),
        (task.stalled, Waiting.LOST),
        (not seen.worker_alive, Waiting.WORKER),
        (not has_its_job(task, seen), Waiting.JOB),
        (task.dispatched_at is None, Waiting.FAN_OUT),
        (_is_handed_back(task, now), Waiting.JOB),
        (_waits_for_retry(task, now), Waiting.RETRY),
        (now - moved < RECENT_PROGRESS, Waiting.RUNNING),
        (_waits_for_permit(task, now), Waiting.LIMIT),
    )
    return next((waiting for holds, waiting in conditions if holds), _waiting_by_queue(seen))


def _is_handed_back(task: Task, now: datetime) -> bool:
    return task.handed_back is not None and task.handed_back.holds(task, now)


def _waits_for_retry(task: Task, now: datetime) -> bool:
    failed = task.handed_back is None or task.failed_attempts > 0  # or steps were handed back, a while ago
    is_quiet = task.quiet_until is not None and task.quiet_until > now
    return failed and is_quiet and not _waits_for_permit(task, now)


def _waits_for_permit(task: Task, now: datetime) -> bool:
    return task.limited_until is not None and task.limited_until > now


def has_its_job(task: Task, seen: Observations) -> bool:
    """Whether some live worker has the task's job, or it is unknown."""
    return seen.jobs is None or task.spec.job is None or task.spec.job in seen.jobs


def why_no_worker(task: Task, seen: Observations, now: datetime) -> str:
    """Why no worker that has come to the task's steps can run them."""
    last = task.handed_back
    parts = [] if has_its_job(task, seen) else [f"no live worker has the job {task.spec.job}"]
    if last is not None and last.holds(task, now):
        parts += [last.why, "they wait for a worker that can run them"]
    return "; ".join(parts)


def _waiting_by_queue(seen: Observations) -> Waiting:
    return Waiting.QUEUE if seen.queued is None or seen.queued > 0 else Waiting.LOST


def steps_per_second(task: Task, now: datetime) -> float | None:
    """The rate since the sweep's last check but one, a resume or the fan-out; None if paused or too early."""
    if task.paused:  # nobody looks at it meanwhile
        return None
    samples, begun = task.samples, task.dispatched_at
    resumed = bool(samples and begun and samples[0].at <= begun)  # which is a sample, and before the fan-out
    if len(samples) < 2 and task.run == 1 and begun is not None and not resumed:
        samples = (ProgressSample(begun, task.count), *samples)
    if not samples or now - samples[0].at < MIN_SAMPLE_TIME:
        return None
    return max(0, samples[0].missing_steps - task.missing_steps) / (now - samples[0].at).total_seconds()


def is_predictable(task: Task) -> bool:
    """Whether enough is done to say how long the rest will take: a hundredth of this run, and two steps.

    The first steps say little: few processes run them at first, and imports and caches are cold.
    """
    done = task.done_in_run
    return not task.paused and done >= 2 and done * EVIDENCE >= done + task.missing_steps


def next_probe_at(task: Task) -> datetime | None:
    """When the sweep sends the next probe for a task without progress; None when it sends none."""
    is_quiet = task.stalled or task.paused or task.waits_for_close
    if task.spec.job is None or is_quiet:
        return None
    if task.probed_at is None or task.moved_at > task.probed_at:
        return task.moved_at + task.spec.stall_after
    pauses: int = 2**task.heals
    return task.probed_at + task.spec.stall_after * pauses

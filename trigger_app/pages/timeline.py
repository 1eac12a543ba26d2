"""A task's timeline: what happened, when, and what is pending."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.formatting import count_of
from donebit.web.task_answer import DeliveryAnswer

ENDS = {State.DONE: "Done", State.FAILED: "Failed", State.CANCELLED: "Cancelled"}


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened, or is pending."""

    what: str
    at: datetime | None = None  # None: its time is not kept, or it is pending
    more: str = ""
    mark: str = "past"  # past, good, bad or next


def timeline_of(task: Task, deliveries: Sequence[DeliveryAnswer]) -> list[TimelineEntry]:
    """Return what happened, oldest first, then what is pending."""
    return [
        TimelineEntry("Created", task.created_at, started(task)),
        *sorted(happened(task), key=lambda event: event.at or task.created_at),
        *pending(task),
        *notified_entries(deliveries),
    ]


def started(task: Task) -> str:
    job = f"of job {task.spec.job}" if task.spec.job else "reported via API"
    return f"{count_of(task.count, 'step')} {job}, end marker at bit {task.count:,}"


def happened(task: Task) -> Iterator[TimelineEntry]:
    """Yield everything that has a time."""
    yield from earlier_runs(task)
    if task.dispatched_at:
        messages = count_of(task.messages, "message")
        again = f", run {task.run}" if task.run > 1 else ""
        yield TimelineEntry("Steps sent", task.dispatched_at, messages + again)
    if task.probed_at and task.heals:
        times = "once" if task.heals == 1 else f"{task.heals} times"
        yield TimelineEntry("Resent", task.probed_at, f"missing steps resent {times}")
    if task.stalled:
        yield TimelineEntry("Stalled", task.stalled_at, why_stalled(task), "bad")
    if task.paused:
        yield TimelineEntry("Paused", task.paused_at, "until it is resumed", "next")
    if task.ended_at:
        mark = "good" if task.state is State.DONE else "bad"
        yield TimelineEntry(ENDS[task.state], task.ended_at, ended(task), mark)
    if task.announced_at:
        yield TimelineEntry("Notified", task.announced_at, task.end_name)


def earlier_runs(task: Task) -> Iterator[TimelineEntry]:
    """Yield the end of each earlier run that is kept, and the beginning of the one after it."""
    begun = [run.started_at for run in task.earlier_runs[1:]] + [task.run_started_at]
    for run, resumed_at in zip(task.earlier_runs, begun, strict=False):
        done = f"run {run.run}: {run.done_steps:,} of {count_of(task.count, 'step')} done"
        yield TimelineEntry(ENDS[run.state], run.ended_at, done, "bad")
        if resumed_at > run.ended_at:  # else its steps were reported after it had failed, without a resume
            yield TimelineEntry("Resumed", resumed_at, f"run {run.run + 1}")


def why_stalled(task: Task) -> str:
    return "resending its missing steps did not help" if task.spec.job else "no step reported for a long time"


def ended(task: Task) -> str:
    failed = f", {count_of(task.failed_steps, 'step')} failed" if task.failed_steps else ""
    return f"{task.done_steps:,} of {task.count:,} steps done{failed}"


def pending(task: Task) -> Iterator[TimelineEntry]:
    """Yield what is pending."""
    if task.ended:
        if not task.announced_at:
            yield TimelineEntry("Notified", None, "by the next free worker", "next")
        return
    if task.spec.job and not task.dispatched_at:
        yield TimelineEntry("Steps sent", None, "by the next free worker", "next")
    left = f"{count_of(task.missing_steps, 'step')} to go"
    yield TimelineEntry("Failed" if task.failed_steps else "Done", None, left, "next")


def notified_entries(deliveries: Sequence[DeliveryAnswer]) -> Iterator[TimelineEntry]:
    """Yield one entry for each receiver of the task's end."""
    for one in deliveries:
        result = one.attempts[-1].said if one.attempts else "not tried yet"
        mark = {"delivered": "good", "pending": "next"}.get(one.outcome, "bad")
        tries = f", {len(one.attempts)} attempts" if len(one.attempts) > 1 else ""
        at = datetime.fromisoformat(one.attempts[-1].at) if one.attempts else None
        yield TimelineEntry(delivery_title(one), at, f"{one.to}: {result}{tries}", mark)


def delivery_title(delivery: DeliveryAnswer) -> str:
    """What became of a delivery: `Webhook delivered`, `Next task started`."""
    if delivery.kind != "then":
        return f"{delivery.kind.capitalize()} {delivery.outcome}"
    return f"Next task {'started' if delivery.outcome == 'delivered' else delivery.outcome}"

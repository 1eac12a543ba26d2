"""The life of a task as a timeline: what happened, when, and what is still to come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from donebit import clock
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.web.task_answer import DeliveryAnswer

ENDS = {State.DONE: "Done", State.FAILED: "Failed", State.CANCELLED: "Cancelled"}


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened, or is waited for."""

    what: str
    at: str | None = None  # None: its time is not kept, or yet to come
    more: str = ""
    mark: str = "past"  # past, good, bad or next


def timeline_of(task: Task, deliveries: Sequence[DeliveryAnswer]) -> list[TimelineEntry]:
    """What happened, in the order of its coming, and then what is next."""
    past = list(happened(task))
    past.sort(key=lambda event: event.at or "")
    return [
        TimelineEntry("Created", clock.iso(task.created_at), started(task)),
        *past,
        *coming(task),
        *notified_entries(deliveries),
    ]


def started(task: Task) -> str:
    job = f"of job {task.spec.job}" if task.spec.job else "reported from elsewhere"
    return f"{steps(task.count)} {job}, end marker at bit {task.count:,}"


def steps(count: int) -> str:
    return f"{count:,} step{'s' if count != 1 else ''}"


def happened(task: Task) -> Iterator[TimelineEntry]:
    """All that has a time."""
    if task.dispatched_at:
        messages = f"{task.messages:,} message{'s' if task.messages != 1 else ''}"
        again = f", run {task.run}" if task.run > 1 else ""
        yield TimelineEntry("Fanned out", clock.iso(task.dispatched_at), messages + again)
    if task.probed_at and task.heals:
        times = "once" if task.heals == 1 else f"{task.heals} times"
        yield TimelineEntry("Healed", clock.iso(task.probed_at), f"missing steps sent again, {times}")
    if task.stalled:
        yield TimelineEntry("Stalled", _iso(task.stalled_at), why_stalled(task), "bad")
    if task.ended_at:
        mark = "good" if task.state is State.DONE else "bad"
        yield TimelineEntry(ENDS[task.state], clock.iso(task.ended_at), ended(task), mark)
    if task.announced_at:
        yield TimelineEntry("Announced", clock.iso(task.announced_at), task.announcement_id)


def why_stalled(task: Task) -> str:
    return "nothing came of all that was sent again" if task.spec.job else "no step was reported for long"


def ended(task: Task) -> str:
    failed = f", {steps(task.failed_steps)} gave up" if task.failed_steps else ""
    return f"{task.done_steps:,} of {task.count:,} steps done{failed}"


def coming(task: Task) -> Iterator[TimelineEntry]:
    """What is waited for."""
    if task.ended:
        if not task.announced_at:
            yield TimelineEntry("Announced", None, "a worker is to tell it", "next")
        return
    if task.spec.job and not task.dispatched_at:
        yield TimelineEntry("Fanned out", None, "a worker is to send its steps", "next")
    yield TimelineEntry(
        "Failed" if task.failed_steps else "Done", None, f"{steps(task.missing_steps)} to go", "next"
    )


def notified_entries(deliveries: Sequence[DeliveryAnswer]) -> Iterator[TimelineEntry]:
    """Whom its ends are told."""
    for one in deliveries:
        said = one.attempts[-1].said if one.attempts else "not tried yet"
        mark = {"delivered": "good", "pending": "next"}.get(one.outcome, "bad")
        tries = f", {len(one.attempts)} attempts" if len(one.attempts) > 1 else ""
        at = one.attempts[-1].at if one.attempts else None
        yield TimelineEntry(f"{one.kind.capitalize()} {one.outcome}", at, f"{one.to}: {said}{tries}", mark)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else clock.iso(moment)

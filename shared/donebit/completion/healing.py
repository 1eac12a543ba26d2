"""Sending the missing steps of a stuck task again."""

from __future__ import annotations

from dataclasses import dataclass

from donebit import clock
from donebit.completion import counting, leases, missing
from donebit.completion.fanout import Send, fan_out
from donebit.completion.measures import NO_PROGRESS, RESENDS, Tally
from donebit.completion.task import Task
from donebit.store import Store


@dataclass(frozen=True, slots=True)
class ProbedState:
    """The state of a task when a probe was sent for it."""

    progress_ms: int
    heals: int

    @classmethod
    def of(cls, task: Task) -> ProbedState:
        return cls(clock.ms_since_epoch(task.last_progress_at), task.fruitless_heals)


def heal(store: Store, task: Task, seen: ProbedState, send: Send) -> int:
    """Send the missing steps of a task again if nothing has changed since its probe was sent.

    The probe has passed the queues that steps wait in, so the steps are not merely waiting there. Of several
    probes that waited in a long queue, the first heals and the others find the state changed.

    Returns:
        How many messages were sent.
    """
    if task.ended or task.paused or ProbedState.of(task) != seen:
        return 0
    held = leases.held_ranges(leases.running_steps(store, task.id))
    if not any(True for _ in leases.without(missing.iterate(store, task, 0, task.count), held)):
        return 0
    store.tasks.update_record(task.id, task.nonce, task.run, {"heals": seen.heals + 1})
    sent = fan_out(store, task, send, held=held)
    tally = Tally()
    tally.count(RESENDS, task.spec.job, NO_PROGRESS)
    counting.add_if_possible(store, tally)
    return sent

"""Sending again what is missing, and only that."""

from __future__ import annotations

from dataclasses import dataclass

from donebit import clock
from donebit.completion.fanout import Send, fan_out
from donebit.completion.task import Task
from donebit.store import Store


@dataclass(frozen=True, slots=True)
class ProbedState:
    """How a task was when a probe left for it."""

    progress_ms: int
    heals: int

    @classmethod
    def of(cls, task: Task) -> ProbedState:
        return cls(clock.ms_since_epoch(task.last_progress_at), task.fruitless_heals)


def heal(store: Store, task: Task, seen: ProbedState, send: Send) -> int:
    """Send the missing steps of a task that is as it was when its probe left; how many messages.

    The probe came through the queues that the steps wait in, so they are not merely behind others. Of many
    probes that waited in a long queue the first heals, and the others find it healed.
    """
    if task.ended or ProbedState.of(task) != seen:
        return 0
    store.tasks.update_record(task.id, task.nonce, task.run, {"heals": seen.heals + 1})
    return fan_out(store, task, send)

"""What each process of the torture does: take the next report off the common pile, send it, and so on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier

from donebit.completion import failing, reporting
from donebit.store import Store
from donebit.store.store import WORKER_TIMEOUT

Report = tuple[str, int]  # task id and step


@dataclass
class Pile:
    """Reports in the order in which they are taken, each by one of the processes."""

    reports: list[Report]
    taken: Synchronized[int]
    together: Barrier

    @classmethod
    def of(cls, reports: list[Report], context: ForkServerContext, processes: int) -> Pile:
        return cls(reports, context.Value("i", 0), context.Barrier(processes))

    def take(self) -> Iterator[Report]:
        self.together.wait(60)
        while True:
            with self.taken.get_lock():
                number, self.taken.value = self.taken.value, self.taken.value + 1
            if number >= len(self.reports):
                return
            yield self.reports[number]


_pile: list[Pile] = []


def share(pile: Pile) -> None:
    """What is shared between processes can be handed over at their start only."""
    _pile.append(pile)


def report_all(url: str) -> list[str]:
    """Report until the pile is gone; the tasks that these reports completed."""
    store = Store.at(url, connections=1, timeout=WORKER_TIMEOUT)
    return [
        task_id
        for task_id, step in _pile[0].take()
        if reporting.report(store, task_id, [step]).completed_task
    ]


def report_and_fail_all(url: str) -> list[str]:
    """As report_all; a step below zero stands for the failure of the step `~step`."""
    store = Store.at(url, connections=1, timeout=WORKER_TIMEOUT)
    return [task_id for task_id, step in _pile[0].take() if _ends(store, task_id, step)]


def _ends(store: Store, task_id: str, step: int) -> bool:
    if step < 0:
        return failing.fail(store, task_id, ~step, "boom").completed_task
    return reporting.report(store, task_id, [step]).completed_task

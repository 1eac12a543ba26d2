"""What each process of the torture does: report its share of the steps as fast as it can."""

from __future__ import annotations

from multiprocessing.synchronize import Barrier

from shared.completion import lifecycle
from shared.store import Store
from shared.store.store import WORKER_PATIENCE

Reports = list[tuple[str, int]]  # task id and step
_together: list[Barrier] = []


def meet_at(barrier: Barrier) -> None:
    _together.append(barrier)


def report_all(url: str, reports: Reports) -> list[str]:
    """Report each; the tasks that these reports completed."""
    store = Store.at(url, connections=1, patience=WORKER_PATIENCE)
    _together[0].wait(60)
    return [task_id for task_id, step in reports if lifecycle.report(store, task_id, [step]).completed_task]

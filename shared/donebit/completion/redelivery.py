"""Having an end delivered again, on request: after the week of attempts, or when a receiver lost it."""

from __future__ import annotations

from donebit import clock
from donebit.completion import lifecycle
from donebit.completion.deliveries import KEEP_FOR
from donebit.completion.delivery import Delivery
from donebit.completion.state import Early
from donebit.errors import Conflict, NotFound
from donebit.store import Store
from donebit.store.deliveries import StoredDelivery

MAX_READS = 5  # when an attempt ends each time before the delivery can be written


def redeliver(store: Store, task_id: str, kind: str, run: int | None = None) -> None:
    """Make a delivery due now, whatever became of it, with another week of attempts.

    Args:
        store: the tasks'.
        task_id: the task's.
        kind: webhook, callback or then.
        run: the run whose end it is; the latest that has such a delivery if left out.

    Raises:
        NotFound: the task is unknown, or has no such delivery.
        Conflict: attempts at it end faster than it can be written.
    """
    lifecycle.get_task(store, task_id)
    for _ in range(MAX_READS):
        found = _stored(store, task_id, kind, run)
        now_ms = clock.now_ms()
        again = Delivery.from_text(found.text).asked_again(now_ms)
        if store.deliveries.redeliver(found.name, found.text, again.as_text(), now_ms=now_ms, ttl=KEEP_FOR):
            return
    raise Conflict(
        f"the delivery of task {task_id} by {kind} is being tried at this moment: send the request again"
    )


def _stored(store: Store, task_id: str, kind: str, run: int | None) -> StoredDelivery:
    kept = store.deliveries.of_task(task_id)
    matching = [one for one in kept if one.name.kind == kind and run in (None, one.name.run)]
    if not matching:
        known = ", ".join(sorted(f"{one.name.kind} of run {one.name.run}" for one in kept)) or "none"
        asked = kind if run is None else f"{kind} of run {run}"
        raise NotFound(f"task {task_id} has no delivery by {asked}; it has: {known}")
    # Every end has a run of its own, and comes after the first failure of its run.
    return max(matching, key=lambda one: (one.name.run, one.name.end != Early.FIRST_FAILURE))

"""Whose leases have run out: the steps of processes that are gone with their whole worker are sent again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from donebit import clock
from donebit.completion import counting, leases, lifecycle
from donebit.completion.leases import Range
from donebit.completion.measures import LOST_WORKER, RESENDS, Tally
from donebit.completion.task import Task
from donebit.errors import BrokerUnavailable, NotFound, StoreUnavailable
from donebit.store import Store
from donebit.store.lease_values import LapsedLease

UNREADABLE_FOR = timedelta(seconds=30)  # after this a lease is looked at again whose task cannot be read

SendAgain = Callable[[Task, list[Range], bool], None]  # with whether each attempt is counted beforehand

log = logging.getLogger(__name__)


def reclaim_lapsed(
    store: Store, send: SendAgain, is_trusted: Callable[[], bool] = lambda: True
) -> list[Task]:
    """Send the steps again whose process is gone: their leases have run out.

    Any number of workers may do so at once: each lease is reclaimed by one of them.

    Args:
        is_trusted: asked once it is known which have run out: whether those who live could renew theirs.

    Returns:
        The tasks whose steps were sent.
    """
    entries = store.leases.lapsed_leases()
    if not is_trusted():
        return []
    found = [task for one in entries if (task := _reclaim_safely(store, one, send))]
    store.leases.unindex_lapsed(entries)
    return found


def _reclaim_safely(store: Store, entry: LapsedLease, send: SendAgain) -> Task | None:
    """Reclaim a lease; log a task that cannot be read, so that those of the others are reclaimed."""
    try:
        return _reclaim(store, entry.task_id, entry.message_id, send)
    except (StoreUnavailable, BrokerUnavailable):
        raise
    except Exception:  # such as the record of a newer version, whose workers can read it
        log.exception("the steps of task %s that were lost cannot be sent again", entry.task_id)
        look_again(store, entry.task_id, entry.message_id, UNREADABLE_FOR)
        return None


def _reclaim(store: Store, task_id: str, message_id: str, send: SendAgain) -> Task | None:
    lease = store.leases.reclaim_lease(task_id, message_id)
    if lease is None:
        return None
    if lease.left > timedelta(0):  # renewed, or left to another worker, which may die before it has sent them
        look_again(store, task_id, message_id, lease.left)
        return None
    try:
        task = lifecycle.get_task(store, task_id).task
    except NotFound:
        return None
    held = leases.held_ranges(leases.running_steps(store, task_id))
    left = list(leases.without(leases.missing_of(store, task, lease.ranges), held))
    if left and not task.ended:
        # A worker that was not told to end may have died of a step.
        send(task, left, lease.counted or lease.state == "running")
    store.leases.drop_reclaimed(task_id, message_id)  # only now: whoever dies before is followed by another
    if not left or task.ended:
        return None
    tally = Tally()
    tally.count(RESENDS, task.spec.job, LOST_WORKER)
    counting.add_if_possible(store, tally)
    return task


def look_again(store: Store, task_id: str, message_id: str, pause: timedelta) -> None:
    """Have a lease looked at again after a pause."""
    store.leases.index(task_id, {message_id: clock.ms_since_epoch(clock.now() + pause)})

"""Steps that a worker cannot run, as it lacks their job or cannot read its params, go back for another."""

from __future__ import annotations

from datetime import timedelta

from donebit import clock
from donebit.completion.task import Task
from donebit.store import Store

# A rolling deploy is over in seconds, so at first a message soon finds a worker that can. When none can, the
# messages of a large task, which are some hundreds, must not keep the workers busy.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(seconds=15)
PAUSE_SHARE = 10  # a pause is this part of the time for which steps have gone back without any progress
# The sweep lets the steps be for so long after the pause; they are on their way and need not be sent again.
QUIET_AFTER = timedelta(seconds=30)


def hand_back(store: Store, task: Task, why: str) -> timedelta:
    """Record that a worker cannot run steps of a task.

    Args:
        why: names the worker and the job.

    Returns:
        How long the steps have to wait before they are sent again: a second at first, and longer the longer
        nothing of the task is done.
    """
    now = clock.now()
    before = task.handed_back
    since = before.since if before is not None and before.holds(task, now) else now
    pause = min(max((now - since) / PAUSE_SHARE, FIRST_PAUSE), LONGEST_PAUSE)
    fields: dict[str, str | int] = {
        "handed_back_at": clock.ms_since_epoch(now),
        "handed_back_since": clock.ms_since_epoch(since),
        "handed_back_why": why,
        "quiet_until": clock.ms_since_epoch(now + pause + QUIET_AFTER),
    }
    store.tasks.update_record(task.id, task.nonce, task.run, fields)
    return pause

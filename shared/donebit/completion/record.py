"""The record of a new task: what every kind of task begins with."""

from __future__ import annotations

import uuid
from datetime import timedelta

from donebit.completion.spec import TaskSpec
from donebit.completion.state import State


def new_record(
    spec: TaskSpec, now_ms: int, open_ttl: timedelta, ended_ttl: timedelta
) -> dict[str, str | int]:
    """The fields of a task that runs, none of whose steps is done.

    Args:
        spec: what was asked for.
        now_ms: milliseconds since the epoch.
        open_ttl: how long the task stays without progress.
        ended_ttl: how long it stays after its end.
    """
    ttl_ms = open_ttl // timedelta(milliseconds=1)
    return {
        "count": spec.count,
        "left": spec.count,
        "failed": 0,
        "state": State.RUNNING,
        "nonce": uuid.uuid4().hex,
        "run": 1,
        "order": spec.as_text(),
        "created_at": now_ms,
        "last_progress_at": now_ms,
        "renew_at": now_ms + ttl_ms // 100,
        "stall_after": spec.stall_after // timedelta(milliseconds=1),
        "ttl": ttl_ms,
        "ended_ttl": ended_ttl // timedelta(milliseconds=1),
    }

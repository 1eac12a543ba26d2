"""The record of a new task: what every kind of task begins with."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from donebit.completion.spec import TaskSpec
from donebit.completion.state import State
from donebit.completion.task import HISTORY_TTL
from donebit.traces import traces

if TYPE_CHECKING:  # it needs the settings, which a program that counts chords has not
    from donebit.completion.ttls import TaskTtls


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


def is_done_at_once(spec: TaskSpec) -> bool:
    """Whether a task ends as it starts: all of no steps are done, unless it is open for more."""
    return not spec.count and not spec.open


def started_record(spec: TaskSpec, now_ms: int, ttls: TaskTtls) -> dict[str, str | int]:
    """The fields of the record that a task has when it starts; of one of no steps, when it is done."""
    end: dict[str, str | int] = {"state": State.DONE, "ended_at": now_ms} if is_done_at_once(spec) else {}
    if spec.open:
        end["open"] = 1
    return {
        **new_record(spec, now_ms, ttls.open, spec.ended_ttl or ttls.ended),
        **({"fail_fast": 1} if spec.fail_fast else {}),
        **({} if ttls.history == HISTORY_TTL else {"history_ttl": ttls.history // timedelta(milliseconds=1)}),
        **traces.traceparent,
        **end,
    }


def as_texts(fields: Mapping[str, str | int]) -> dict[str, str]:
    """The fields of a record as they are read again."""
    return {name: str(value) for name, value in fields.items()}

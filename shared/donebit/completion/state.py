"""The states of a task, which of them are ends, and of what receivers are notified."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # each step is done or has given up, and some have; with fail_fast the first one has
    CANCELLED = "cancelled"


AGAIN = (State.FAILED, State.CANCELLED)  # ends after which a task can run on
ANY_END = (State.DONE, State.FAILED, State.CANCELLED)


class Early(StrEnum):
    """What receivers can be notified of before the end."""

    FIRST_FAILURE = "first_failure"  # the first step of a run has given up


Occasion = State | Early


def occasion_of(name: str) -> Occasion:
    """The occasion of this name.

    Raises:
        ValueError: there is none.
    """
    return Early(name) if name in set(Early) else State(name)

"""The states of a task, and which of them are ends."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # each step is done or has given up, and some have
    CANCELLED = "cancelled"


AGAIN = (State.FAILED, State.CANCELLED)  # ends after which a task can run on
ANY_END = (State.DONE, State.FAILED, State.CANCELLED)

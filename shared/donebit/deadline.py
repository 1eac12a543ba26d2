"""How long the question may still take that this thread works at."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import NamedTuple

from donebit.errors import TookTooLong


class Deadline(NamedTuple):
    """When a question must be answered, by time.monotonic, and how long it had."""

    at: float
    limit: timedelta

    @property
    def left(self) -> float:
        """The seconds that are left; below zero where it is over."""
        return self.at - time.monotonic()


_deadline: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def begin(limit: timedelta) -> None:
    """Give what this thread does from now on so much time, until `end`."""
    _deadline.set(Deadline(time.monotonic() + limit.total_seconds(), limit))


def current() -> Deadline | None:
    """When what this thread does must be done; None for any time."""
    return _deadline.get()


def go_on(deadline: Deadline | None) -> None:
    """Give what this thread does the time that a thread has, be it of another process of this machine."""
    _deadline.set(deadline)


def end() -> None:
    """Let this thread take any time again."""
    _deadline.set(None)


@contextmanager
def within(limit: timedelta) -> Iterator[None]:
    """Give what this thread does in this context so much time."""
    begin(limit)
    try:
        yield
    finally:
        end()


def refuse_late() -> None:
    """Give a question up that takes too long. What may take long calls this again and again.

    Raises:
        TookTooLong: its time is over.
    """
    deadline = _deadline.get()
    if deadline is not None and time.monotonic() > deadline.at:
        raise TookTooLong(
            f"the question takes more than {deadline.limit.total_seconds():g} s (QUESTION_TIMEOUT) and was "
            "given up: ask for fewer periods, events or users"
        )

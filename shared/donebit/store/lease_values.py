"""Leases as values: who holds which steps, for how long, and how a lease is written."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from donebit import clock

Range = tuple[int, int]


class Holder(NamedTuple):
    """Who holds a lease: a process of a worker, for one message."""

    message_id: str
    worker: str
    pid: int


class TakenLease(NamedTuple):
    """What a process holds now, and the task's record.

    Attributes:
        record: of the task
        ranges: half open, those of the message that no other living process holds
        died: the process that had this message before died at it
        bits: of a message with one range, the bitmap from the byte of its first step to that of its last;
            None where that is not known: there are several, or it is long
    """

    record: dict[str, str]
    ranges: list[Range]
    died: bool
    bits: bytes | None


class StoredLease(NamedTuple):
    """A lease as it is.

    Attributes:
        message_id: of the message whose steps it covers
        left: how long it still runs; 0 or less when it has run out
        state: running; stopping: its worker ends; handing: it also sends the steps not begun to others, which
            may take them; ending: they are sent; died: the process died at the message, which comes again
        worker: the worker's identity
        pid: of the process
        step: that the process was at when it was last renewed; None when that is not known yet
        age: for how long it has been at that step
        ranges: half open, the steps that it covers
    """

    message_id: str
    left: timedelta
    state: str
    worker: str
    pid: int
    step: int | None
    age: timedelta
    ranges: list[Range]

    @property
    def runs(self) -> bool:
        """Whether it has not run out.

        One that would run for long was taken before the server's clock was set back.
        """
        return timedelta(0) < self.left < clock.SET_BACK


class Renewal(NamedTuple):
    """A process that lives, the step it is at, and for how long it has been."""

    holder: Holder
    step: int | None
    age: timedelta


class LapsedLease(NamedTuple):
    """An entry of the index of leases that has run out."""

    task_id: str
    message_id: str
    expired_ms: int  # as the index has it


class ReclaimedLease(NamedTuple):
    """A lease that was asked back; it is the caller's when nothing is `left` of it."""

    left: timedelta  # for which it runs, or is left to another caller
    state: str
    counted: bool  # an attempt was counted before it was made
    ranges: list[Range]


class HandedLease(NamedTuple):
    """A lease whose steps may be taken by others."""

    ranges: list[Range]
    counted: bool  # an attempt was counted before it was made


def stored_lease(message_id: str, text: str, now_ms: int) -> StoredLease:
    """A lease from how it is written, as take_lease.lua says."""
    expires, state, worker, pid, step, since, _, ranges = text.split(" ")
    return StoredLease(
        message_id,
        timedelta(milliseconds=int(expires) - now_ms),
        state,
        worker,
        int(pid),
        None if step == "-" else int(step),
        timedelta(milliseconds=max(0, now_ms - int(since))),
        ranges_of(ranges),
    )


def ranges_of(text: str) -> list[Range]:
    """Half-open ranges from how a lease has them, `0-5,7-8`."""
    pairs = (part.split("-") for part in text.split(","))
    return [(int(start), int(stop)) for start, stop in pairs]

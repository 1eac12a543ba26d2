"""What the scripts answer, as values: an enum for each status, a named tuple for what goes with it."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Any, NamedTuple


class ReportStatus(StrEnum):
    """What became of a report of steps."""

    OK = "ok"
    UNKNOWN = "unknown"  # no such task, or it has expired, or another has its id
    RANGE = "range"  # the task has no such step, and nothing was done
    REUSED = "reused"  # the reply key was used for another request
    FULL = "full"  # the results would have more bytes than a task may have, and nothing was done
    FAILED = "failed"  # the task has failed, and its run was not named as prepared; nothing was done


class MarkStepsResult(NamedTuple):
    """What marking steps, or recounting a task, came to.

    Attributes:
        fresh: how many steps are newly done; with RANGE the step at fault, with FULL the bytes
        completed: 1 where this call ended the task
        left: steps neither done nor given up
        steps: all of the task
        failed: steps that gave up
        state: of the task, empty for one that is not known
    """

    status: ReportStatus
    fresh: int = 0
    completed: int = 0
    left: int = 0
    steps: int = 0
    failed: int = 0
    state: str = ""

    @classmethod
    def of(cls, status: bytes, *rest: Any) -> MarkStepsResult:
        """The answer of mark_steps.lua, mark_results.lua or recount_task.lua."""
        if not rest:
            return cls(ReportStatus(status.decode()))
        fresh, completed, left, count, failed, state = rest
        return cls(ReportStatus(status.decode()), int(fresh), completed, left, count, failed, state.decode())

    @classmethod
    def of_one_step(cls, answer: bytes) -> MarkStepsResult:
        """The text of mark_steps.lua for one step of a task that goes on: fresh, left before it, count."""
        fresh, left, count = map(int, answer.split())
        return cls(ReportStatus.OK, fresh, 0, left - fresh, count, 0, "running")


class Noted(IntEnum):
    """Whether it could be noted that an end is announced."""

    GONE = 0  # the task is gone or in another run
    FIRST = 1
    AGAIN = 2  # it was noted before


class CancelResult(NamedTuple):
    """Whether this call cancelled the task, and its state then; `reused` if the key was another's."""

    cancelled: bool
    state: str
    reused: bool = False


class PauseResult(NamedTuple):
    """Whether the task is paused now, and its state; `reused` if the key was another's."""

    paused: bool
    state: str
    reused: bool = False


class DeleteStatus(StrEnum):
    """What became of deleting a task."""

    OK = "ok"
    UNKNOWN = "unknown"
    REUSED = "reused"  # the reply key was used for another request


class ResumeResult(NamedTuple):
    """Whether this call resumed the task, and the state it was in; `reused` if the key was another's."""

    resumed: bool
    state: str
    reused: bool = False


class ExtendStatus(StrEnum):
    """What became of moving a task's end."""

    OK = "ok"
    LESS = "less"  # the task has as many steps already
    MOST = "most"  # it would have more than a task may have
    FROM = "from"  # it has another number of steps than the caller requires
    BYTES = "bytes"  # its items would have more bytes than a task may have
    CLOSED = "closed"  # it is not open
    ITEMS = "items"  # its steps have items and steps without were added, or the other way round
    STATE = "state"  # it does not run
    REUSED = "reused"  # the reply key was used for another request


class ExtendResult(NamedTuple):
    """What became of moving a task's end.

    Attributes:
        steps: how many it had before; with BYTES the bytes; 0 where it is not said
        state: of the task, with STATE only
    """

    status: ExtendStatus
    steps: int = 0
    state: str = ""

    @property
    def reused(self) -> bool:
        """Whether the reply key was used for another request."""
        return self.status is ExtendStatus.REUSED

    @classmethod
    def of(cls, status: bytes, what: bytes | int | None = None) -> ExtendResult:
        """The answer of extend_task.lua or append_items.lua."""
        found = ExtendStatus(status.decode())
        if isinstance(what, bytes) and found is ExtendStatus.STATE:
            return cls(found, state=what.decode())
        return cls(found, int(what or 0))


class CloseStatus(StrEnum):
    """What became of closing an open task."""

    OK = "ok"
    FROM = "from"  # it has another number of steps than the caller requires
    STATE = "state"  # it has ended
    CLOSED = "closed"  # it is not open
    REUSED = "reused"  # the reply key was used for another request


class CloseResult(NamedTuple):
    """What became of closing an open task.

    Attributes:
        completed: whether this call ended it, with OK only
        steps: how many it has, with FROM only
        state: of the task, with STATE only
    """

    status: CloseStatus
    completed: bool = False
    steps: int = 0
    state: str = ""

    @property
    def reused(self) -> bool:
        """Whether the reply key was used for another request."""
        return self.status is CloseStatus.REUSED


class ProbeDecision(StrEnum):
    """What the sweep is to do about a running task."""

    FINE = "fine"
    PROBE = "probe"
    STALLED = "stalled"  # once a stall: the limit is reached


class OpenStatus(StrEnum):
    """Whether an event or a flag can hold what is to be written."""

    OK = "ok"
    KIND = "kind"  # it holds users of another kind
    SEGMENTS = "segments"  # it would span too many
    REPLACED = "replaced"  # a flag is in another generation


class OpenResult(NamedTuple):
    """Whether an event or a flag can hold what is to be written.

    Attributes:
        held: the kind of users it holds, with KIND only
        span: how many segments it would span, with SEGMENTS only
        begun: whether there was no such event or flag before
    """

    status: OpenStatus
    held: str = ""
    span: int = 0
    begun: bool = False

    @classmethod
    def of(cls, status: bytes, why: bytes | int | None = None) -> OpenResult:
        """The answer of open_event.lua or open_flag.lua."""
        known = OpenStatus(status.decode())
        if isinstance(why, bytes):
            return cls(known, held=why.decode())
        return cls(known, begun=bool(why)) if known is OpenStatus.OK else cls(known, span=why or 0)


class MarkUsersResult(NamedTuple):
    """What marking users came to.

    Attributes:
        fresh: how many of each batch were new, in each period
        unregistered: the segments that lost their registry meanwhile
    """

    fresh: list[list[int]]
    unregistered: list[int]


class PermissionChange(NamedTuple):
    """How many bits of an object changed, and which are set now."""

    changed: int
    bits: list[int]


class IndexSizes(NamedTuple):
    """How many tasks are open, and how many are listed."""

    open: int
    listed: int


class ListedTask(NamedTuple):
    """A task of the list, and when it was created in us since the epoch."""

    task_id: str
    created_us: int


class OpenAndNew(NamedTuple):
    """The ids of every open task, and of every task created since a moment."""

    open: set[str]
    new: set[str]

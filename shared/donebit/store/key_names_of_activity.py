"""The names of the keys of activity: events and their users, flags and permissions."""

from __future__ import annotations

import re
from typing import Final

USER_KINDS = ("integers", "texts", "mapped")

# Of an event's `meta`: how long each is kept (s), and by when what ended is gone (s since the epoch).
RETENTION_FIELDS = tuple(
    f"{what}_{one}" for what in ("keep", "gone") for one in ("hour", "day", "week", "month")
)

APART = ":imported"  # after a period's name: those of its users who were imported for it as a whole
OLDEST_FIELD = "oldest"  # the first day that an event may have visits in, once its month
IMPORTED_FIELD = "imported:"  # and a period's name: its users were imported as a whole

QUERY_SCRATCH = re.compile(r"\}:query:[0-9a-f]{32}:")


class ActivityKeys:
    """The names of all keys of activity. Those of one segment share a hash tag.

    Args:
        prefix: what every name begins with
    """

    TEXT_USERS: Final = "users"  # the directories
    MAPPED_USERS: Final = "mapped"

    def __init__(self, prefix: str) -> None:
        # Up to the brace of the hash tag: a name is then one concatenation, in the way of every visit.
        self._seen, self._event = f"{prefix}seen:{{", f"{prefix}event:{{"
        self._flag, self._may = f"{prefix}flag:{{", f"{prefix}may:{{"
        self.EVENTS = f"{prefix}event:names"
        self.FLAGS = f"{prefix}flag:names"

    def segment(self, number: int, event: str, period: str) -> str:
        """A segment of an event's bitmap in a period."""
        return f"{self._seen}{number}}}:{event}:{period}"

    def user_count(self, number: int, event: str, kind: str) -> str:
        """How many users of this kind an event's all-time bitmap has in a segment."""
        return f"{self._seen}{number}}}:{event}:{kind}"

    def of_segment(self, number: int, event: str, period: str) -> list[str]:
        """What is dropped with a bitmap, atomically: a count without its bits would be added to."""
        kept = [*self.user_counts(number, event, period), self.kept_windows(number, event)]
        return [self.segment(number, event, period), *kept]

    def user_counts(self, number: int, event: str, period: str) -> list[str]:
        """Where the users of all time are counted, one name for each kind; none for a period that ends."""
        return [self.user_count(number, event, kind) for kind in USER_KINDS] if period == "all" else []

    def kept_windows(self, number: int, event: str) -> str:
        """How many users windows of an event's days have in a segment."""
        return f"{self._seen}{number}}}:{event}:windows"

    def batch_scratch(self, number: int, token: str) -> str:
        """Where a batch is laid before it is merged; gone before the script that fills it ends."""
        return f"{self._seen}{number}}}:batch:{token}"

    def query_scratch(self, number: int, token: str, level: int) -> str:
        """Where a question lays what it computes with next."""
        return f"{self._seen}{number}}}:query:{token}:{level}"

    def segments(self, event: str, period: str) -> str:
        """The registry of the segments that an event has in a period."""
        return f"{self._event}{event}}}:segments:{period}"

    def event_meta(self, event: str) -> str:
        """What is known about an event."""
        return f"{self._event}{event}}}:meta"

    def periods(self, event: str) -> str:
        """The periods that an event was seen in."""
        return f"{self._event}{event}}}:periods"

    def flag_segment(self, number: int, flag: str, generation: str = "") -> str:
        """A segment of a flag's bitmap, of the generation that readers are led to."""
        return f"{self._flag}{number}}}:bits:{flag}{_of(generation)}"

    def flag_staged(self, number: int, token: str) -> str:
        """Where a question's answer waits to become a flag's."""
        return f"{self._flag}{number}}}:staged:{token}"

    def flag_scratch(self, number: int, token: str) -> str:
        """Where a flag's batch is laid before it is merged; gone before the script that fills it ends."""
        return f"{self._flag}{number}}}:batch:{token}"

    def flag_segments(self, flag: str, generation: str = "") -> str:
        """The registry of the segments that a flag has in a generation."""
        return f"{self._flag}{flag}}}:segments{_of(generation)}"

    def flag_meta(self, flag: str) -> str:
        """What is known about a flag."""
        return f"{self._flag}{flag}}}:meta"

    def permission_names(self, kind: str) -> str:
        """What the bits of a kind of objects permit."""
        return f"{self._may}{kind}}}:names"

    def permissions(self, kind: str, thing: str) -> str:
        """The bitmap of an object's permissions."""
        return f"{self._may}{kind}:{thing}}}"

    def numbers(self, directory: str) -> str:
        """The dense number of each id of a directory."""
        return f"{self._seen}{directory}}}:numbers"

    def ids_of_numbers(self, directory: str, bucket: int) -> str:
        """The ids of some consecutive numbers of a directory."""
        return f"{self._seen}{directory}}}:ids:{bucket}"

    def next_number(self, directory: str) -> str:
        """The next free number of a directory."""
        return f"{self._seen}{directory}}}:next"

    def erasures(self, directory: str) -> str:
        """How many ids of a directory were ever erased."""
        return f"{self._seen}{directory}}}:erasures"

    def erasing(self, directory: str) -> str:
        """The numbers of a directory whose id is erased and whose bits are being cleared."""
        return f"{self._seen}{directory}}}:erasing"


def _of(generation: str) -> str:
    """What says the generation in a name: nothing of a flag that was never replaced as a whole."""
    return f"@{generation}" if generation else ""

"""What windows of an event's days were counted to be, kept for the next time that they are asked for."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import NamedTuple

from redis import Redis
from redis.commands.core import Script

from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.packing import Command
from donebit.store.pipelining import answers_to
from donebit.store.rounds import answers_in_rounds

KEPT_FOR = timedelta(days=2)  # since something in it changed, as it does each day where it is asked for

Counts = Mapping[str, Sequence[int]]  # name of a window -> the sum of its days' users, and its distinct users


class SegmentDays(NamedTuple):
    """One segment of an event's days.

    Attributes:
        users: in each day that has the segment, in their order
        kept: as it was stored before the days were counted; None where it changed meanwhile
        windows: that are kept
    """

    users: list[int]
    kept: bytes | None
    windows: Counts


class KeptWindowStore:
    """Every method raises StoreUnavailable when the server cannot be reached or does not answer in time."""

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts

    @outages_named
    def read(self, event: str, segments: Mapping[int, Sequence[str]]) -> list[SegmentDays]:
        """Count the days of each segment, and read which of its windows are kept.

        What is kept is read before the days are counted and after: bits that were cleared in between make the
        two differ. So there must be something before.

        Args:
            segments: by number, the names of the days that have it.
        """
        names = [self._keys.kept_windows(number, event) for number in segments]
        begin = [self._replacement(name, b"", {}) for name in names]
        read: list[Command] = [("GET", name) for name in names]
        count: list[Command] = [
            ("BITCOUNT", self._keys.segment(number, event, day))
            for number, days in segments.items()
            for day in days
        ]
        answers = answers_in_rounds(self._client, [begin, read, count, read], self._scripts["keep_windows"])
        before, after = answers[len(names) : 2 * len(names)], answers[-len(names) :]
        users = iter(answers[2 * len(names) :])
        return [
            SegmentDays(list(islice(users, len(days))), *_unchanged(first, last))
            for days, first, last in zip(segments.values(), before, after, strict=True)
        ]

    @outages_named
    def keep_windows(self, event: str, counted: Mapping[int, tuple[bytes, Counts]]) -> None:
        """Keep the windows of segments.

        Args:
            counted: by number, what was kept before they were counted, and all that is kept from now on.
        """
        commands = [
            self._replacement(self._keys.kept_windows(number, event), before, windows)
            for number, (before, windows) in counted.items()
        ]
        answers_to(self._client, commands, self._scripts["keep_windows"])

    def _replacement(self, name: str, before: bytes, windows: Counts) -> Command:
        """What keeps windows in place of what was kept before; of b"" where there was nothing."""
        lives = int(KEPT_FOR.total_seconds())
        return ("EVALSHA", self._scripts["keep_windows"].sha, 1, name, before, as_stored(windows), lives)


def as_stored(windows: Counts) -> str:
    """Windows as they are kept: never the same text twice, so that a change cannot go unseen."""
    return json.dumps([uuid.uuid4().hex, windows], separators=(",", ":"))


def _unchanged(before: bytes | None, after: bytes | None) -> tuple[bytes | None, Counts]:
    if before is None or before != after:
        return None, {}
    _, windows = json.loads(before)
    return before, windows

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
LIVES = int(KEPT_FOR.total_seconds())
# Users of a segment's periods, added up. With fewer, what is kept would not be small beside the bitmaps.
KEPT_FROM = 1_000_000

Counts = Mapping[str, Sequence[int]]  # name of a window -> the sum of its days' users, and its distinct users


class SegmentDays(NamedTuple):
    """One segment of an event's days.

    Attributes:
        users: in each day that has the segment, in their order
        generation: of what is kept; None where it was dropped meanwhile
        windows: that are kept
    """

    users: list[int]
    generation: str | None
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

        What is kept is read before the days are counted and after: where bits were cleared in between it is
        of another generation, or gone. So there must be something before.

        Args:
            segments: by number, the names of the days that have it.
        """
        names = [self._keys.kept_windows(number, event) for number in segments]
        begin = [self._keeping(name, "", as_stored({})) for name in names]
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
    def keep_windows(self, event: str, counted: Mapping[int, tuple[str, Counts]]) -> None:
        """Keep the windows of segments, and no others.

        Args:
            counted: by number, the generation of what was kept before they were counted, and the windows.
        """
        commands = [
            self._keeping(self._keys.kept_windows(number, event), generation, as_json(windows))
            for number, (generation, windows) in counted.items()
        ]
        answers_to(self._client, commands, self._scripts["keep_windows"])

    def _keeping(self, name: str, generation: str, kept: str) -> Command:
        return ("EVALSHA", self._scripts["keep_windows"].sha, 1, name, generation, kept, LIVES)


def as_stored(windows: Counts) -> str:
    """Windows as they are kept, of a new generation: it stays until a script that clears bits drops them."""
    return as_json([uuid.uuid4().hex, windows])


def as_json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _unchanged(before: bytes | None, after: bytes | None) -> tuple[str | None, Counts]:
    if before is None or after is None:
        return None, {}
    generation, windows = json.loads(before)
    return (generation, windows) if json.loads(after)[0] == generation else (None, {})

"""One visit as one round trip: marked where its bitmaps exist, and counted from what each segment counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from redis import Redis
from redis.commands.core import Script
from redis.exceptions import RedisError

from donebit.store.bitmaps import segments_in
from donebit.store.client import as_outage, outages_named
from donebit.store.key_names import Keys
from donebit.store.packing import Command
from donebit.store.pipelining import each_answer_to
from donebit.store.server_client import router_of


class VisitCount(NamedTuple):
    """What one visit changed, and how many users the event has ever seen then."""

    fresh: bool
    users: int | None  # None where a segment's count is not there: the bits have to be counted


Place = tuple[int, int]  # of a user: the segment, and the bit in it
Counts = dict[int, bytes | None] | RedisError  # of users, by segment; or why they are not known


class Registry(NamedTuple):
    """Where an event's users are counted: its registry as last seen, and the segments that it names."""

    content: bytes | None
    segments: tuple[int, ...]

    @classmethod
    def read(cls, content: bytes | None) -> Registry:
        """The registry that has this content; None for one that is not there."""
        return cls(content, tuple(segments_in(content)))

    def others(self, own: set[int]) -> tuple[int, ...]:
        """The segments whose counts are needed beside what marks in `own` answer: none where there is one."""
        return self.segments if len(own.union(self.segments)) > 1 else ()


NONE = Registry(None, ())


class VisitCounterStore:
    """Visits to events whose bitmaps exist.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts
        self._registries: dict[tuple[str, str], Registry] = {}

    def visit(
        self, event: str, kind: str, periods: Sequence[str], segment: int, bit: int
    ) -> VisitCount | None:
        """Mark one user in each of the periods, all-time last; None where nothing was marked."""
        (counted,) = self.visit_each(event, kind, periods, [(segment, bit)])
        if isinstance(counted, Exception):
            raise counted
        return counted

    @outages_named
    def visit_each(
        self, event: str, kind: str, periods: Sequence[str], places: Sequence[Place]
    ) -> list[VisitCount | Exception | None]:
        """Mark users, of requests that know nothing of each other, in each of the periods, all-time last.

        What is remembered of the event's registry only saves a round trip: it is read again after the marks.

        Returns:
            What became of each. None where nothing was marked, as a bitmap is missing, or where the registry
            lacks the segment, so that nobody would find the mark: the registries have to be entered first. In
            place of one that failed, perhaps after it was marked, the error.
        """
        known = self._registries.get((event, kind), NONE)
        own = {segment for segment, _ in places}
        registry, counters = (
            self._keys.segments(event, periods[-1]),
            self._counters(event, kind, known.others(own)),
        )
        marked, content, *counts = self._answers(event, kind, periods, places, registry, counters)
        if not any(isinstance(one, list) and one for one in marked):
            return [counted(one, 0, {}) for one in marked]
        if content != known.content and not isinstance(content, RedisError):
            known = self._registries[event, kind] = Registry.read(content)
            names = self._counters(event, kind, known.others(own))
            counts = [self._client.mget(names)] if names else []
        of_segments = counts_of(known.others(own), content, *counts)
        lost = set[int]() if isinstance(content, RedisError) else own.difference(known.segments)
        return [
            None if segment in lost else counted(one, segment, of_segments)
            for one, (segment, _) in zip(marked, places, strict=True)
        ]

    def _answers(
        self,
        event: str,
        kind: str,
        periods: Sequence[str],
        places: Sequence[Place],
        registry: str,
        counters: Sequence[str],
    ) -> list[Any]:
        """What the marks of the places answer, then the registry, then the counters where there are any."""
        script = self._scripts["visit"]
        marks: list[Command] = [
            ("EVALSHA", script.sha, len(periods) + 1, *self._names(event, kind, periods, segment), bit)
            for segment, bit in places
        ]
        if router_of(self._client) is None:
            reads: list[Command] = [("GET", registry), *([("MGET", *counters)] if counters else [])]
            answers = each_answer_to(self._client, [*marks, *reads], script)
            return [answers[: len(marks)], *answers[len(marks) :]]
        # On a cluster the registry is read once the marks are answered: nodes have no order in common.
        marked = each_answer_to(self._client, marks, script)
        content, *counts = each_answer_to(
            self._client, [("GET", name) for name in (registry, *counters)], script
        )
        lost = next((one for one in counts if isinstance(one, RedisError)), None)
        return [marked, content, *([lost or counts] if counters else [])]

    def _names(self, event: str, kind: str, periods: Sequence[str], segment: int) -> list[str]:
        names = [self._keys.segment(segment, event, period) for period in periods]
        return [*names, self._keys.user_count(segment, event, kind)]

    def _counters(self, event: str, kind: str, segments: Sequence[int]) -> list[str]:
        return [self._keys.user_count(segment, event, kind) for segment in segments]


def counts_of(segments: Sequence[int], registry: object, counts: Any = ()) -> Counts:
    """How many users each segment counts; where one of the answers is an error, that error.

    Args:
        segments: that were asked about
        registry: the answer that names them
        counts: what they count; left out where none was asked about
    """
    for answer in (registry, counts):
        if isinstance(answer, RedisError):
            return answer
    return dict(zip(segments, counts, strict=True))


def counted(marked: list[int] | RedisError, segment: int, counts: Counts) -> VisitCount | Exception | None:
    """The counts of the visit's own segment, as its mark left it, and of all others, added up."""
    if isinstance(marked, RedisError):
        return as_outage(marked) or marked
    if not marked:
        return None
    if isinstance(counts, RedisError):
        return as_outage(counts) or counts
    fresh, users = marked
    others = [count for number, count in counts.items() if number != segment]
    if None in others:
        return VisitCount(bool(fresh), None)
    return VisitCount(bool(fresh), users + sum(map(int, cast(list[bytes], others))))

"""One visit as one round trip: marked where its bitmaps exist, and counted from what each segment counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from redis import Redis
from redis.commands.core import Script

from donebit.store.bitmaps import segments_in
from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.pipelining import Command, answers_to
from donebit.store.server_client import router_of


class VisitCount(NamedTuple):
    """What one visit changed, and how many users the event has ever seen then."""

    fresh: bool
    users: int | None  # None where a segment's count is not there: the bits have to be counted


class Others(NamedTuple):
    """Where an event's users in other segments are counted: a registry as last seen, and where it leads."""

    registry: bytes
    counters: tuple[str, ...]


NONE = Others(b"", ())


class VisitCounterStore:
    """Visits to events whose bitmaps exist.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts
        self._others: dict[tuple[str, str, int], Others] = {}

    @outages_named
    def visit(
        self, event: str, kind: str, periods: Sequence[str], segment: int, bit: int
    ) -> VisitCount | None:
        """Mark one user in each of the periods, all-time last; None where nothing was marked.

        That is where a bitmap is missing: the registries have to be entered first. What is remembered of
        the event's registry only saves a round trip: it is read again after every mark.
        """
        names = [self._keys.segment(segment, event, period) for period in periods]
        names.append(self._keys.user_count(segment, event, kind))
        others = self._others.get((event, kind, segment), NONE)
        marked, registry, *counts = self._answers(
            names, bit, self._keys.segments(event, periods[-1]), others.counters
        )
        if not marked:
            return None
        if registry != others.registry:
            others = self._remember(event, kind, segment, registry)
            counts = [self._client.mget(others.counters)] if others.counters else []
        return counted(marked, counts)

    def _remember(self, event: str, kind: str, segment: int, registry: bytes) -> Others:
        numbers = (number for number in segments_in(registry) if number != segment)
        others = Others(registry, tuple(self._keys.user_count(number, event, kind) for number in numbers))
        self._others[event, kind, segment] = others
        return others

    def _answers(self, names: Sequence[str], bit: int, registry: str, counters: Sequence[str]) -> list[Any]:
        script = self._scripts["visit"]
        mark: Command = ("EVALSHA", script.sha, len(names), *names, bit)
        if router_of(self._client) is None:
            reads: list[Command] = [("GET", registry), *([("MGET", *counters)] if counters else [])]
            return answers_to(self._client, [mark, *reads], script)
        # On a cluster the registry is read once the mark is answered: nodes have no order in common.
        (marked,) = answers_to(self._client, [mark], script)
        found, *counts = answers_to(self._client, [("GET", name) for name in (registry, *counters)])
        return [marked, found, *([counts] if counters else [])]


def counted(marked: list[int], counts: list[list[bytes | None]]) -> VisitCount:
    """The counts of the visit's own segment and of all others, added up."""
    fresh, users = marked
    for others in counts:
        if None in others:
            return VisitCount(bool(fresh), None)
        users += sum(map(int, cast(list[bytes], others)))
    return VisitCount(bool(fresh), users)

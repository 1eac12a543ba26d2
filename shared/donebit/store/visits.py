"""Visits in Redis: writing them into the bitmaps of their periods, and what is known about each event."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple, cast

from redis import Redis
from redis.commands.core import Script

from donebit.store.answers import MarkUsersResult, OpenResult
from donebit.store.bitmaps import segments_in
from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.key_names_of_activity import APART, IMPORTED_FIELD, RETENTION_FIELDS
from donebit.store.listed_names import ListedNames
from donebit.store.rounds import answers_by_round

KEYS_A_PIPELINE = 1000
# The oldest day of an event with users of all time alone, who are kept apart: visits are yet to come.
NO_VISITS_BEFORE = "8999-12-31"


class PeriodExpiry(NamedTuple):
    """A period's name in keys, and when it expires: seconds since the epoch, 0 for never."""

    period: str
    expires_s: int

    def lasts_beyond(self, now_s: int) -> bool:
        return self.expires_s == 0 or now_s < self.expires_s


class Batch(NamedTuple):
    """Users of one segment: the bits within it, or all of them as the bytes of one bitmap."""

    segment: int
    bits: Sequence[int] = ()
    packed: bytes | None = None


def first_day(periods: Sequence[str]) -> str:
    """The first day on which there may be visits that are written into periods of these names.

    Args:
        periods: those that contain a visit, or an import and what contains it, the shortest first.
    """
    names = [name.removesuffix(APART) for name in periods if name[0].isdecimal()]
    if not names:
        return NO_VISITS_BEFORE
    shortest = next((name for name in names if len(name) == len(NO_VISITS_BEFORE)), names[0])  # a day
    if shortest[5:6] == "W":
        return f"{date.fromisocalendar(int(shortest[:4]), int(shortest[6:8]), 1)}"
    day = f"{shortest}-01"[:10]
    # An hour is of UTC, and where it lies in no day as a whole it may begin in the day before.
    return f"{date.fromisoformat(day) - timedelta(days=1)}" if shortest[10:11] == "T" else day


def _decoded(fields: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in fields.items()}


class VisitStore:
    """The bitmaps of events, as visits are written to them.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts
        self._events = ListedNames(client, scripts, keys.EVENTS)

    @outages_named
    def about(self, event: str) -> dict[str, str]:
        """What is known about an event: its `kind`, and what was set of its retention; empty for none."""
        return _decoded(cast(dict[bytes, bytes], self._client.hgetall(self._keys.event_meta(event))))

    @outages_named
    def about_each(self, events: Sequence[str]) -> list[dict[str, str]]:
        """What is known about each of many events, in one round trip."""
        with self._client.pipeline(transaction=False) as pipe:
            for event in events:
                pipe.hgetall(self._keys.event_meta(event))
            return [_decoded(found) for found in pipe.execute()]

    @outages_named
    def events(self) -> dict[str, str]:
        """Every event that was ever visited, and is not forgotten, with the kind of users it holds."""
        return self._events.kinds()

    @outages_named
    def is_listed(self, event: str) -> bool:
        """Whether an event is in the list of all events, as one is whose deletion was interrupted."""
        return self._events.has(event)

    @outages_named
    def open_event(
        self,
        event: str,
        kind: str,
        lives: Sequence[PeriodExpiry],
        segments: Iterable[int],
        limit: int,
        *,
        imported: str = "",
    ) -> OpenResult:
        """Enter segments into the event's registries, if it holds this kind of users and is narrow enough.

        Args:
            imported: the name of a period to be remembered as imported; empty for none.
        """
        numbers = list(segments)
        registries = [self._keys.segments(event, life.period) for life in lives]
        names = [self._keys.event_meta(event), self._keys.periods(event), *registries]
        field = imported and IMPORTED_FIELD + imported
        oldest = first_day([life.period for life in lives])
        args = [
            kind,
            limit,
            field,
            oldest,
            len(numbers),
            *numbers,
            *(item for life in lives for item in life),
        ]
        return OpenResult.of(*cast(list[Any], self._scripts["open_event"](keys=names, args=args)))

    @outages_named
    def mark_users(
        self, event: str, kind: str, lives: Sequence[PeriodExpiry], batches: Sequence[Batch]
    ) -> MarkUsersResult:
        """Set the bits of users in every period.

        The event is entered among all before its first bit, with every batch: the
        process that opened it may have died before it could.

        The registries are read again after the marks: an event forgotten in between has lost them,
        and without them what was just written would never be counted, nor ever be forgotten. Every period's:
        another visit may have begun the event again, in other periods. One that is over by the server's
        clock is missing rightly. The list of all events is read too: the process that began the event
        again may not have entered it yet, and may die before it does.
        """

        def mark(pipe: Redis) -> None:
            for batch in batches:
                self._mark_batch(pipe, event, kind, lives, batch)

        def read(pipe: Redis) -> None:
            for life in lives:
                pipe.get(self._keys.segments(event, life.period))
            pipe.hexists(self._keys.EVENTS, event)
            pipe.time()

        _, fresh, (*registries, entered, (now_s, _)) = answers_by_round(
            self._client, lambda pipe: pipe.hset(self._keys.EVENTS, event, kind), mark, read
        )
        found = zip(lives, map(segments_in, registries), strict=True)
        known = set.intersection(*(set(numbers) for life, numbers in found if life.lasts_beyond(now_s)))
        lost = [batch.segment for batch in batches if not entered or batch.segment not in known]
        return MarkUsersResult(fresh, lost)

    def _mark_batch(
        self, pipe: Redis, event: str, kind: str, lives: Sequence[PeriodExpiry], batch: Batch
    ) -> None:
        names = [self._keys.segment(batch.segment, event, life.period) for life in lives]
        names.append(self._keys.user_count(batch.segment, event, kind))
        names.append(self._keys.batch_scratch(batch.segment, uuid.uuid4().hex))
        bits = batch.bits if batch.packed is None else [batch.packed]
        args = [*(life.expires_s for life in lives), int(batch.packed is not None), *bits]
        self._scripts["mark_users"](keys=names, args=args, client=pipe)

    @outages_named
    def periods(self, event: str) -> list[str]:
        """Every period the event was ever seen in, those already expired included."""
        return [
            name.decode() for name in cast(list[bytes], self._client.zrange(self._keys.periods(event), 0, -1))
        ]

    @outages_named
    def living_periods(self, event: str) -> list[PeriodExpiry]:
        """The event's periods whose registries are there, each with when it expires; all time last."""
        periods = self.periods(event)
        with self._client.pipeline(transaction=False) as pipe:
            for period in periods:
                pipe.expiretime(self._keys.segments(event, period))
            expires = cast(list[int], pipe.execute())  # -1 for never, -2 for one that is not there
        living = [PeriodExpiry(name, max(s, 0)) for name, s in zip(periods, expires, strict=True) if s > -2]
        return sorted(living, key=lambda one: (one.expires_s == 0, one.period == "all"))

    @outages_named
    def set_retention(self, event: str, kept: Mapping[str, int]) -> None:
        """Set the event's retention.

        Args:
            kept: `keep_day` and so on, in seconds; what is left out has the default
        """
        with self._client.pipeline(transaction=True) as pipe:
            pipe.hdel(self._keys.event_meta(event), *RETENTION_FIELDS)
            if kept:
                pipe.hset(
                    self._keys.event_meta(event), items=[item for pair in kept.items() for item in pair]
                )
            pipe.execute()

    @outages_named
    def set_expiry(
        self, event: str, lives: Sequence[PeriodExpiry], segments: Sequence[Sequence[int]]
    ) -> None:
        """Set when the bitmaps of these periods, and what names them, expire; what is over goes at once."""
        with self._client.pipeline(transaction=False) as pipe:
            for life, numbers in zip(lives, segments, strict=True):
                for number in numbers:
                    pipe.expireat(self._keys.segment(number, event, life.period), life.expires_s)
                pipe.expireat(self._keys.segments(event, life.period), life.expires_s)
                pipe.zadd(self._keys.periods(event), {life.period: life.expires_s}, xx=True)
            pipe.execute()

    @outages_named
    def periods_of(self, events: Sequence[str]) -> list[list[str]]:
        """Every period each of these events was ever seen in, those already expired included."""
        with self._client.pipeline(transaction=False) as pipe:
            for event in events:
                pipe.zrange(self._keys.periods(event), 0, -1)
            return [[name.decode() for name in names] for names in pipe.execute()]

    @outages_named
    def drop_segments(self, event: str, segments_by_period: Mapping[str, Sequence[int]]) -> None:
        names = [
            self._keys.of_segment(number, event, period)
            for period, numbers in segments_by_period.items()
            for number in numbers
        ]
        for start in range(0, len(names), KEYS_A_PIPELINE):
            with self._client.pipeline(transaction=False) as pipe:
                for name in names[start : start + KEYS_A_PIPELINE]:
                    pipe.unlink(*name)
                pipe.execute()

    @outages_named
    def drop_event(self, event: str, periods: Sequence[str]) -> bool:
        """Drop what is known about an event, and its bitmaps; False when it was begun again meanwhile."""
        registries = [self._keys.segments(event, period) for period in periods]
        names = [self._keys.event_meta(event), self._keys.periods(event), *registries]
        dropped, *last = cast(list[Any], self._scripts["drop_event"](keys=names, args=list(periods)))
        if not dropped:
            return False
        self.drop_segments(event, dict(zip(periods, map(segments_in, last), strict=True)))
        return self._events.leave(event, lambda _: self.about(event).get("kind", ""))

"""Schedules in Redis: what each starts, up to when it has fired, and when it is looked at next."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from itertools import chain, islice
from typing import NamedTuple, cast

from redis import Redis
from redis.commands.core import Script

from donebit import clock
from donebit.errors import StoreUnavailable
from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.milliseconds import milliseconds
from donebit.store.tasks import Fields, decoded, start_arguments, start_names

LONG_AGO_MS = 10**9


class FiringResult(StrEnum):
    """What became of a firing."""

    STARTED = "started"
    EXISTS = "exists"  # another task has its id
    SKIPPED = "skipped"  # the last task still runs
    QUEUED = "queued"  # the same, and it waits for that
    CHANGED = "changed"  # another look was faster, or the schedule is gone, paused or changed


class NewTask(NamedTuple):
    """The task that a firing starts.

    Attributes:
        id: with the slot of the schedule
        steps: where its end marker is set; None for a task that is done at once
        fields: of its record
        ttl: of its keys
    """

    id: str
    steps: int | None
    fields: Fields
    ttl: timedelta


class DueSchedule(NamedTuple):
    """A schedule that is to be looked at, and its score in the index when that was read."""

    name: str
    score: int


class ScheduleStore:
    """Every method raises StoreUnavailable when the server cannot be reached or does not answer in time."""

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts
        self._index, self._key = keys.SCHEDULES, keys.schedule

    @outages_named
    def write_schedule(
        self,
        name: str,
        must_be: str,
        fields: Fields,
        *,
        least_mark_ms: int | None = None,
        remove: Sequence[str] = (),
    ) -> bool:
        """Write fields of a schedule; whether it was as it must be: absent, present, running, paused or any.

        It is entered among those that are looked at before and after: one that nobody looks at never fires.
        """
        self.look_at(name)
        pairs = [item for pair in fields.items() for item in pair]
        args: list[str | int] = [must_be, "" if least_mark_ms is None else least_mark_ms, len(remove)]
        args += [*remove, *pairs]
        written = bool(self._scripts["write_schedule"](keys=[self._key(name)], args=args))
        if written:
            self.look_at(name)
        return written

    @outages_named
    def look_at(self, name: str) -> None:
        """Have a schedule looked at by the next sweep; an entry without a schedule is removed by it."""
        # Long ago, and each time another score, by which a look notices that it was entered again meanwhile.
        self._client.zadd(self._index, {name: secrets.randbelow(LONG_AGO_MS)})

    @outages_named
    def delete(self, name: str) -> bool:
        """Delete a schedule; whether there was one. The sweep removes its entry, as it may be made again."""
        found = bool(self._client.unlink(self._key(name)))
        if found:
            # A full server deletes and takes no entry: the one that is there comes up within minutes.
            with suppress(StoreUnavailable):
                self.look_at(name)
        return found

    @outages_named
    def read(self, names: Iterable[str]) -> list[dict[str, str]]:
        """The fields of each schedule, none where there is none, in the order asked."""
        with self._client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hgetall(self._key(name))
            return [decoded(fields) for fields in pipe.execute()]

    @outages_named
    def names(self) -> list[str]:
        """The names of all schedules, in order, and perhaps of one that is being made or was deleted."""
        found = cast(list[bytes], self._client.zrange(self._index, 0, -1))
        return sorted(name.decode() for name in found)

    @outages_named
    def count(self) -> int:
        return self._client.zcard(self._index)

    @outages_named
    def due(self, now_ms: int, limit: int) -> list[DueSchedule]:
        """Schedules to be looked at, the longest due first, and then those of a clock that was set back."""
        with self._client.pipeline(transaction=False) as pipe:
            for least, most in ((0, str(now_ms)), (now_ms + milliseconds(clock.SET_BACK), "+inf")):
                pipe.zrangebyscore(self._index, least, most, start=0, num=limit, withscores=True)
            found = chain.from_iterable(cast(list[list[tuple[bytes, float]]], pipe.execute()))
        return [DueSchedule(name.decode(), int(score)) for name, score in islice(found, limit)]

    @outages_named
    def set_mark_back(self, name: str, fields: Mapping[str, str], mark_ms: int) -> bool:
        """Move the mark back, and drop what waits: both are of a clock that was set back.

        Args:
            fields: the schedule as it was read

        Returns:
            False when it has changed meanwhile
        """
        args: list[str | int] = [fields["version"], fields["mark"], mark_ms]
        return bool(self._scripts["set_mark_back"](keys=[self._key(name)], args=args))

    @outages_named
    def move_if_score(self, due: DueSchedule, at_ms: int) -> None:
        """Set the next look, unless the schedule was changed during this one."""
        self._scripts["move_if_score"](keys=[self._index], args=[due.name, due.score, at_ms])

    @outages_named
    def unindex(self, due: DueSchedule) -> None:
        """Remove the entry of a schedule that is gone, unless it has been made again meanwhile."""
        self._scripts["remove_if_score"](keys=[self._index], args=[due.name, due.score])

    @outages_named
    def fire_schedule(
        self,
        name: str,
        read: Mapping[str, str],
        task: NewTask,
        *,
        firing_ms: int,
        overlap: str,
        queued_ms: int,
    ) -> FiringResult:
        """Start the task of a firing, unless the last one still runs and the schedule does not allow that.

        Args:
            read: the schedule's fields as they were read
            overlap: allow, skip or queue
            queued_ms: up to which firing they are queued where they are
        """
        last = read.get("last", task.id)
        names = [self._key(name), self._keys.bitmap(last), self._keys.record(last)]
        args: list[str | int | bytes] = [read["version"], read["mark"], firing_ms, overlap, queued_ms]
        args += [task.id, *start_arguments(task.steps, task.fields, task.ttl)]
        answer = self._scripts["fire_schedule"](keys=names + start_names(self._keys, task.id), args=args)
        return FiringResult(cast(bytes, answer).decode())

    @outages_named
    def pass_firings(
        self, name: str, read: Mapping[str, str], *, until_ms: int, left_out: int, waits: bool = False
    ) -> bool:
        """Leave firings up to a moment out, unless the schedule has changed since it was read.

        Args:
            waits: firings before them wait, and still do: so the mark stays where it is
        """
        args: list[str | int] = [read["version"], read["mark"], until_ms, left_out]
        args += [read.get("queued", ""), int(waits)]
        return bool(self._scripts["pass_firings"](keys=[self._key(name)], args=args))

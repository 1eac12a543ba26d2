"""Expectations in Redis: stored and looked at as schedules are, and when something met each of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import cast

from redis import Redis
from redis.commands.core import Script

from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.milliseconds import milliseconds
from donebit.store.schedules import NewTask, ScheduleStore
from donebit.store.tasks import start_arguments, start_names

MINUTE_MS = 60_000
MOST_MINUTES = 2000  # that are kept of each
KEEP_SEEN = timedelta(days=63)  # twice the longest time that an expectation looks back


class ExpectationStore(ScheduleStore):
    """Every method raises StoreUnavailable when the server cannot be reached or does not answer in time."""

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        super().__init__(client, scripts, keys)
        self._index, self._key = keys.EXPECTATIONS, keys.expectation

    @outages_named
    def note_seen(self, name: str, created_ms: int, at_ms: int, useless_ms: int | None = None) -> None:
        """Note that something met an expectation in the minute of a moment.

        Args:
            created_ms: when that was made or changed, as it was read: nothing is noted if that is not so now
            useless_ms: a minute noted before that is dropped, as this one says as much
        """
        args: list[str | int] = [created_ms, minute_of(at_ms), "" if useless_ms is None else useless_ms]
        args += [MOST_MINUTES, milliseconds(KEEP_SEEN)]
        names = [self._keys.expectation(name), self._keys.seen_by(name)]
        self._scripts["note_seen"](keys=names, args=args)

    @outages_named
    def last_seen(self, name: str, before_ms: int) -> int | None:
        """The last minute before that of a moment in which something met an expectation (ms)."""
        key, before = self._keys.seen_by(name), f"({minute_of(before_ms)}"
        found = cast(list[bytes], self._client.zrevrangebyscore(key, before, "-inf", 0, 1))
        return int(found[0]) if found else None

    @outages_named
    def seen(self, name: str, since_ms: int) -> list[int]:
        """The minutes since a moment in which something met an expectation (ms), in order."""
        found = self._client.zrangebyscore(self._keys.seen_by(name), since_ms, "+inf")
        return [int(minute) for minute in cast(list[bytes], found)]

    @outages_named
    def forget_seen(self, name: str) -> None:
        self._client.unlink(self._keys.seen_by(name))

    @outages_named
    def turn_expectation(
        self, name: str, read: Mapping[str, str], task: NewTask, *, mark_ms: int, missed_ms: int | None
    ) -> bool:
        """Note that an expectation was missed, or is met again, and start the task that announces it.

        Args:
            read: its fields as they were read
            mark_ms: up to which deadline it is judged then
            missed_ms: the deadline that was missed; None when it is met again

        Returns:
            Whether this call did it.
        """
        args: list[str | int] = [
            read["version"],
            read["mark"],
            mark_ms,
            "" if missed_ms is None else missed_ms,
        ]
        args += start_arguments(task.steps, task.fields, task.ttl)
        names = [self._key(name), *start_names(self._keys, task.id)]
        return bool(self._scripts["turn_expectation"](keys=names, args=args))


def minute_of(ms: int) -> int:
    """The minute that a moment lies in (ms)."""
    return ms // MINUTE_MS * MINUTE_MS

"""The layout that a store's activity was written in: where segments are cut, and where days begin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from time import monotonic
from typing import cast

from redis import Redis
from redis.commands.core import Script

from donebit.errors import ConfigurationError
from donebit.store.bitmaps import SEGMENT_BITS
from donebit.store.client import outages_named
from donebit.store.directory_shards import shards_of_new
from donebit.store.key_names import Keys
from donebit.store.layout import LAYOUT_VERSION, TASKS_IN_SHARDS, in_shards, shards_in, unmarked
from donebit.store.task_shards import TaskShards
from donebit.zone_rules import fingerprint

CHECK_EVERY_SECONDS = 60.0  # a store may be emptied, or become another, under a service


def layout(zone: str, shards: int = 1) -> str:
    """What bitmaps of two layouts must not be mixed over: where segments are cut, and where days begin.

    Args:
        zone: as ZONE is set
        shards: that the directories are in; in more than one they make the number of the layout a higher one
    """
    text = f"{LAYOUT_VERSION} segment_bits={SEGMENT_BITS} zone={zone}"
    return text if shards == 1 else in_shards(text, shards)


class ActivityLayoutStore:
    """Every method raises StoreUnavailable when the server cannot be reached or does not answer in time."""

    def __init__(
        self, client: Redis, scripts: Mapping[str, Script], keys: Keys, task_shards: TaskShards
    ) -> None:
        self._client = client
        self._scripts = scripts
        self._keys = keys
        self._task_shards = task_shards
        self._checked_at = -math.inf  # by the monotonic clock

    @property
    def _is_checked(self) -> bool:
        return monotonic() - self._checked_at < CHECK_EVERY_SECONDS

    @outages_named
    def check(self, zone: str) -> None:
        """Write the layout at first use, and refuse to mix two.

        Raises:
            ConfigurationError: the bitmaps there were written with another layout.
        """
        if not self._is_checked:
            self._compare(zone, self.note_layout(zone))

    @outages_named
    def note_layout(self, zone: str) -> bytes | None:
        """Write the layout if there was no visit yet; else what is written."""
        mark = f"{TASKS_IN_SHARDS} " if self._task_shards.count > 1 else ""
        args = [mark + layout(zone, shards_of_new(self._client)), TASKS_IN_SHARDS]
        return cast(bytes | None, self._scripts["note_layout"](keys=[self._keys.LAYOUT], args=args))

    @outages_named
    def refuse_other(self, zone: str) -> None:
        """Refuse to mix two layouts, before the first question, which writes nothing.

        Raises:
            ConfigurationError: the bitmaps there were written with another layout.
        """
        if not self._is_checked and (found := self._found()):
            self._compare(zone, found)

    def _found(self) -> bytes | None:
        """The layout as it was written at the first visit; nothing before that."""
        found = cast(bytes | None, self._client.get(self._keys.LAYOUT))
        return found if found and unmarked(found.decode()) else None

    def _compare(self, zone: str, found: bytes | None) -> None:
        held = "" if found is None else unmarked(found.decode())
        wanted = layout(zone, shards_in(held) or 1)
        if found is not None and held != wanted:
            raise ConfigurationError(
                f"this Redis holds activity in the layout {held!r}, and this service would write "
                f"{wanted!r}: set ZONE as it was, use another database, or move the activity there "
                "(docs/backup.md)"
            )
        self._checked_at = monotonic()

    @outages_named
    def keep_zone_rules(self, zone: str) -> None:
        """Record by which rules of the zone days are cut, where that is not recorded or no visit came yet."""
        is_new = self._found() is None
        self._client.set(self._keys.ZONE_RULES, f"{zone} {fingerprint(zone)}", nx=not is_new)

    @outages_named
    def zone_warning(self) -> str | None:
        """Why days may begin elsewhere here than those that are stored; None where the zone's rules agree.

        It is no refusal: rules change a few times a year, mostly for days to come, and an update of a host
        must not stop its service.
        """
        found = cast(bytes | None, self._client.get(self._keys.ZONE_RULES))
        zone, _, recorded = (found or b"").decode().partition(" ")
        here = fingerprint(zone) if found else ""
        if here == recorded:
            return None
        return (
            f"the rules of {zone} on this host ({here}) are not those that its stored days were cut by "
            f"({recorded}): give all hosts the same tzdata (docs/activity.md)"
        )

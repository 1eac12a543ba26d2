"""The memory that an event uses on the server, and that an import would use."""

from __future__ import annotations

from dataclasses import dataclass

from donebit.activity.events import event, set_expiry
from donebit.activity.periods.calendar import ALL_TIME, Period
from donebit.activity.site import Site
from donebit.activity.users.ids import Ids, segments_of
from donebit.store.bitmaps import Bitmap, room_for

KEY_BYTES = 96  # of a key and its value, beside the string's own bytes


@dataclass(frozen=True, slots=True)
class PeriodUsage:
    """The memory of one period in bytes, that of its registry included."""

    period: Period
    segments: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """The memory that users would use in each period in which they are seen."""

    users: int
    segments: int
    span: int  # segments that the event would have afterwards
    bytes_a_period: int


def usage(site: Site, name: str) -> list[PeriodUsage]:
    """The memory of every period that has bitmaps, the largest first.

    Each key is measured on the server: a few hundred microseconds a period.
    """
    event.check_name(name)
    periods = [*set_expiry.ending_periods(site, name), ALL_TIME]
    bitmaps = [Bitmap(name, period.name) for period in periods]
    segments_of_each = site.store.bitmaps.segments(bitmaps)
    usages = [
        PeriodUsage(period, len(segments), site.store.bitmaps.memory(bitmap, segments))
        for period, bitmap, segments in zip(periods, bitmaps, segments_of_each, strict=True)
        if segments
    ]
    return sorted(usages, key=lambda usage: -usage.bytes)


def estimate(site: Site, name: str, ids: Ids) -> Estimate:
    """The memory that these integers would use in a period that has none of them yet. Writes nothing."""
    event.check_name(name)
    parts = segments_of(ids)
    (before,) = site.store.bitmaps.segments([Bitmap(name, ALL_TIME.name)])
    sizes = [_size(int(bits[-1])) for _, bits in parts]
    users = sum(len(bits) for _, bits in parts)
    span = len({number for number, _ in parts} | set(before))
    return Estimate(users, len(parts), span, sum(sizes) + KEY_BYTES)  # and the registry


def _size(last: int) -> int:
    """Bytes of a segment whose last set bit is `last`."""
    return room_for(last // 8 + 1) + KEY_BYTES

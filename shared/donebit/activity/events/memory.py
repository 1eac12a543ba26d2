"""What an event takes on the server, and what an import would."""

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
    """What one period takes: bytes on the server, the registry's included."""

    period: Period
    segments: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What users would take in each period that they are seen in."""

    users: int
    segments: int
    span: int  # segments of the event then
    bytes_a_period: int


def usage(site: Site, name: str) -> list[PeriodUsage]:
    """Every period that is still there, the largest first. Counted key by key, a few hundred us a period."""
    event.check_name(name)
    periods = [*set_expiry.ending_periods(site, name), ALL_TIME]
    bitmaps = [Bitmap(name, period.name) for period in periods]
    found = zip(periods, bitmaps, site.store.bitmaps.segments(bitmaps), strict=True)
    sizes = [
        PeriodUsage(period, len(segments), site.store.bitmaps.memory(bitmap, segments))
        for period, bitmap, segments in found
        if segments
    ]
    return sorted(sizes, key=lambda one: -one.bytes)


def estimate(site: Site, name: str, ids: Ids) -> Estimate:
    """What these integers would take in a period that has none of them yet; nothing is written."""
    event.check_name(name)
    parts = segments_of(ids)
    (before,) = site.store.bitmaps.segments([Bitmap(name, ALL_TIME.name)])
    sizes = [_size(int(bits[-1])) for _, bits in parts]
    users = sum(len(bits) for _, bits in parts)
    span = len({number for number, _ in parts} | set(before))
    return Estimate(users, len(parts), span, sum(sizes) + KEY_BYTES)  # and the registry


def _size(last: int) -> int:
    """A segment's: as long as the string is made that holds its last bit."""
    return room_for(last // 8 + 1) + KEY_BYTES

"""Recording visits; all of a batch is checked before any of it is written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from donebit.activity.events.batching import Arrival, Visits, grouped, other_kind
from donebit.activity.periods.calendar import ALL_TIME
from donebit.activity.site import Site
from donebit.activity.users.id_mapping import as_ids, directory_of, refuse_more
from donebit.activity.users.ids import LARGEST_ID, Ids, User, UserKind, distinct_of, parts_of
from donebit.activity.users.numbered_writes import with_numbers
from donebit.errors import Conflict, InvalidInput
from donebit.store.answers import OpenStatus
from donebit.store.bitmaps import FULL_BYTES, SEGMENT_BITS, Bitmap, room_for
from donebit.store.id_numbers import UNKNOWN
from donebit.store.visits import Batch

MOST_SINGLE_BITS = 512  # above that one packed merge costs less than a SETBIT for each
SLICE = 32 * 1024  # ids that are looked at together
SEGMENTS_A_CALL = 64  # packed, 8 MB a round trip
ATTEMPTS = 5  # an event forgotten again and again while it is being written


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording visits changed."""

    received: int
    fresh_in_day: int  # users not seen for this event in that day before
    fresh_ever: int  # users not seen for this event at all before

    def __add__(self, other: Recorded) -> Recorded:
        return Recorded(
            self.received + other.received,
            self.fresh_in_day + other.fresh_in_day,
            self.fresh_ever + other.fresh_ever,
        )


NOTHING = Recorded(0, 0, 0)


def record(
    site: Site,
    event: str,
    users: Sequence[User] | Ids,
    *,
    at: datetime,
    now: datetime,
    ids: UserKind | None = None,
) -> Recorded:
    """Record visits of these users. If the server is lost midway, part may be kept: send them again.

    Args:
        at: when the users were here.
        ids: how the ids are to be held; MAPPED at an event's first visit numbers integers densely.

    Raises:
        InvalidInput: an id, the time, the mix of kinds or the number of segments is not allowed.
        StoreUnavailable: part of the batch may be recorded; every visit counts once however often it is sent.
    """
    return sum(record_all(site, [Arrival(event, users, at, ids)], now=now).values(), NOTHING)


def record_ids(
    site: Site, event: str, ids: Ids, *, at: datetime, now: datetime, kind: UserKind | None = None
) -> Recorded:
    """Record visits of integer ids given as an array. Raises as `record` does."""
    return record(site, event, ids, at=at, now=now, ids=kind)


def record_all(site: Site, arrivals: Sequence[Arrival], *, now: datetime) -> dict[tuple[str, str], Recorded]:
    """Record visits to several events at several times.

    All of it is checked before any of it is written. It can still be refused midway if another request, in
    the same milliseconds, begins an event with the other kind or uses up its segments; an event may then be
    left open, or texts numbered, without a visit.

    Returns:
        What changed, by event and name of the day.

    Raises:
        InvalidInput, StoreUnavailable: as `record` does.
    """
    groups = grouped(site, arrivals, now)
    site.store.activity_layout.check(site.zone)
    spans = expected_segments(site, groups)
    if len(groups) > 1:
        refuse_wide(site, groups, spans)
    for visits, span in zip(groups, spans, strict=True):
        open_segments(site, visits, span)
    recorded: dict[tuple[str, str], Recorded] = {}
    for visits, span in zip(groups, spans, strict=True):
        key = visits.event, visits.day_name
        recorded[key] = recorded.get(key, NOTHING) + write(site, visits, span)
    return recorded


def expected_segments(site: Site, groups: Sequence[Visits]) -> list[list[int]]:
    """The segments that each group will be written to, before new users have numbers."""
    ids = {place: visits.users for place, visits in enumerate(groups)}
    segments: dict[int, list[int]] = {}
    for kind in UserKind:
        of_kind = {place: users for place, users in ids.items() if groups[place].kind is kind}
        segments.update(expected_of_kind(site, kind, of_kind))
    return [segments[place] for place in range(len(groups))]


def expected_of_kind(
    site: Site, kind: UserKind, groups: Mapping[int, Sequence[User] | Ids]
) -> dict[int, list[int]]:
    """The segments that groups of one kind will be written to, by the index of the group."""
    directory = directory_of(site, kind)
    if directory is None:
        return {place: touched(np.asarray(users, np.uint32)) for place, users in groups.items()}
    known, new = {}, set[User]()
    for place, users in groups.items():
        named = as_ids(users)
        known[place] = directory.known(named)
        new |= {named[unknown] for unknown in np.flatnonzero(known[place] == UNKNOWN).tolist()}
    refuse_more(site, kind, new)
    # Which group gets which new number is not known yet: each group with new users may get any of them.
    numbers_to_come = directory.coming(new)
    coming = range(numbers_to_come.start // SEGMENT_BITS, (numbers_to_come.stop - 1) // SEGMENT_BITS + 1)
    return {
        place: sorted(
            {*touched(numbers[numbers != UNKNOWN]), *(coming if (numbers == UNKNOWN).any() else ())}
        )
        for place, numbers in known.items()
    }


def touched(ids: Ids) -> list[int]:
    """The segments of these ids, ascending."""
    if not len(ids):
        return []
    first, last = (int(bound) // SEGMENT_BITS for bound in (ids.min(), ids.max()))
    if first == last:
        return [first]
    seen = np.zeros(LARGEST_ID // SEGMENT_BITS + 1, np.bool_)
    for part in slices_of(ids):
        seen[part // SEGMENT_BITS] = True
    return [int(number) for number in np.flatnonzero(seen)]


def slices_of(ids: Ids) -> Iterator[Ids]:
    """The ids, some at a time: numpy makes an index of 8 bytes of each that it is given at once."""
    return (ids[start : start + SLICE] for start in range(0, len(ids), SLICE))


def refuse_wide(site: Site, groups: Sequence[Visits], spans: Sequence[Sequence[int]]) -> None:
    """Raise InvalidInput if all groups of an event together would make it span too many segments."""
    wanted: dict[str, set[int]] = {}
    for visits, span in zip(groups, spans, strict=True):
        wanted.setdefault(visits.event, set()).update(span)
    held = site.store.bitmaps.segments([Bitmap(event, ALL_TIME.name) for event in wanted])
    for (event, segments), before in zip(wanted.items(), held, strict=True):
        if len(segments | set(before)) > site.max_segments:
            raise too_wide(site, event, len(segments | set(before)))


def write(site: Site, visits: Visits, opened: Collection[int]) -> Recorded:
    """Write visits by the users' numbers; visits of users erased meanwhile are written again.

    Args:
        opened: segments that the registries have already.
    """

    def write_numbers(ids: Ids) -> Recorded:
        return write_ids(site, visits, ids, opened)

    parts = with_numbers(site, visits.kind, visits.users, write_numbers)
    return replace(sum(parts, NOTHING), received=visits.received)


def write_ids(site: Site, visits: Visits, ids: Ids, opened: Collection[int]) -> Recorded:
    """Write the registries, then the bits; a segment whose registry was deleted in between is repeated.

    For a segment that is written twice the larger count is used, that of the time when the bits were new.
    """
    remaining = parts_of(ids)
    fresh: dict[int, tuple[int, int]] = {}
    unopened = set(remaining) - set(opened)
    for _ in range(ATTEMPTS):
        if unopened:
            open_segments(site, visits, sorted(unopened))
        unopened = set(mark(site, visits, remaining, fresh))
        remaining = {number: remaining[number] for number in unopened}
        if not remaining:
            in_day, ever = (sum(counts) for counts in zip(*fresh.values(), strict=True))
            return Recorded(visits.received, in_day, ever)
    raise Conflict(f"event {visits.event} is being forgotten; send the visits again")


def mark(
    site: Site,
    visits: Visits,
    segments: Mapping[int, npt.NDArray[np.uint32]],
    fresh: dict[int, tuple[int, int]],
) -> Iterable[int]:
    """Set the bits of segments.

    Args:
        fresh: by segment, how many users were new in the day and ever; updated.

    Returns:
        The segments whose registry was missing, so that they must be opened and written again.
    """
    lost: list[int] = []
    numbers = list(segments)
    for start in range(0, len(numbers), SEGMENTS_A_CALL):
        part = [batch_of(number, segments[number]) for number in numbers[start : start + SEGMENTS_A_CALL]]
        new_users, unregistered = site.store.visits.mark_users(
            visits.event, visits.kind, visits.expiries, part
        )
        for batch, counts in zip(part, new_users, strict=True):
            day, ever = fresh.get(batch.segment, (0, 0))
            fresh[batch.segment] = max(day, counts[visits.day]), max(ever, counts[-1])
        lost += unregistered
    return lost


def open_segments(site: Site, visits: Visits, numbers: Sequence[int]) -> None:
    """Add segments to the registries. Raises InvalidInput for another kind or too many segments."""
    opened = site.store.visits.open_event(
        visits.event, visits.kind, visits.expiries, numbers, site.max_segments, imported=visits.imported
    )
    if opened.status is OpenStatus.KIND:
        raise other_kind(visits.event, UserKind(opened.held), visits.kind)
    if opened.status is OpenStatus.SEGMENTS:
        raise too_wide(site, visits.event, opened.span)
    if opened.begun:
        site.limits.note_event(visits.event)


def too_wide(site: Site, event: str, span: int) -> InvalidInput:
    """The error for an event that would span that many segments."""
    return InvalidInput(
        f"event {event} would span {span} segments of {SEGMENT_BITS} ids; at most "
        f"{site.max_segments}: its ids are too sparse for bitmaps. Raise MAX_SEGMENTS, or let the event "
        "number its integers densely, with ids=mapped at its first visit",
        field="users",
    )


def batch_of(segment: int, bits: npt.NDArray[np.uint32]) -> Batch:
    """The bits of a segment as the store takes them: few one by one, many as packed bytes.

    Args:
        segment: its number
        bits: at least one, in any order
    """
    if len(bits) <= MOST_SINGLE_BITS:
        return single_bits(segment, distinct_of(bits))
    flags = np.zeros(8 * FULL_BYTES, np.uint8)
    for part in slices_of(bits):
        flags[part] = 1
    if np.count_nonzero(flags) <= MOST_SINGLE_BITS:
        return single_bits(segment, np.flatnonzero(flags))
    return Batch(segment, packed=np.packbits(flags[: 8 * room_for(int(bits.max()) // 8 + 1)]).tobytes())


def single_bits(segment: int, bits: npt.NDArray[np.uint32] | npt.NDArray[np.int64]) -> Batch:
    """Ascending bits, one by one; the last first, so that a new string is allocated once."""
    return Batch(segment, bits=bits[::-1].tolist())

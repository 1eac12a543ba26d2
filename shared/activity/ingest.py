"""Recording visits: everything is checked before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from shared.activity import events
from shared.activity.calendar import Granularity
from shared.activity.events import Event
from shared.activity.retention import periods_to_write
from shared.activity.site import Site
from shared.activity.users import Ids, Kind, User, checked, segments_of
from shared.errors import Conflict, InvalidInput
from shared.store.bitmaps import SEGMENT_BITS
from shared.store.visits import Batch, Life

MOST_SINGLE_BITS = 512  # above that one packed merge costs less than a SETBIT for each
SEGMENTS_A_CALL = 64  # packed, 8 MB a round trip
ATTEMPTS = 5  # an event forgotten again and again while it is being written


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a batch of visits changed."""

    received: int
    fresh_in_day: int  # users not yet seen for this event in that day
    fresh_ever: int


@dataclass(frozen=True, slots=True)
class Visits:
    """Visits to one event at one moment, checked and ready to be written."""

    event: str
    kind: Kind
    lives: list[Life]  # of each period that is written, all-time last
    day: int  # which of them is the day
    received: int

    @classmethod
    def to(
        cls, site: Site, event: Event, kind: Kind, received: int, *, at: datetime, now: datetime
    ) -> Visits:
        """Raises InvalidInput for a moment that is not taken, or the kind of users that the event refuses."""
        if event.kind not in (None, kind):
            raise other_kind(event.name, event.kind, kind)
        periods = periods_to_write(site.calendar, event.retention, at, now)
        day = next(i for i, period in enumerate(periods) if period.granularity is Granularity.DAY)
        return cls(event.name, kind, [event.retention.life(period) for period in periods], day, received)


def record(site: Site, event: str, users: Sequence[User], *, at: datetime, now: datetime) -> Recorded:
    """Record visits of these users. If the server is lost midway, part may be kept: send them again.

    Raises:
        InvalidInput: an id, the moment, the mix of kinds or the span of segments is not allowed.
        StoreUnavailable: part of the batch may be recorded; every visit counts once however often sent.
    """
    if not users:
        raise InvalidInput("users is empty; a batch names at least one", field="users")
    kind = checked(users)
    # All is checked before texts get their numbers: a refused batch changes nothing.
    visits = Visits.to(site, events.known(site, event), kind, len(users), at=at, now=now)
    site.store.visits.check_layout(site.zone)
    ids = numbers_of(site, users) if kind is Kind.TEXTS else np.array(users, np.uint32)
    return write(site, visits, ids)


def record_ids(site: Site, event: str, ids: Ids, *, at: datetime, now: datetime) -> Recorded:
    """The same for integers that are an array already. Raises as `record` does."""
    visits = Visits.to(site, events.known(site, event), Kind.INTEGERS, len(ids), at=at, now=now)
    site.store.visits.check_layout(site.zone)
    return write(site, visits, ids)


def numbers_of(site: Site, users: Sequence[User]) -> Ids:
    """The texts' dense numbers."""
    return np.array(site.store.directory.number_users([str(user) for user in users]), np.uint32)


def write(site: Site, visits: Visits, ids: Ids) -> Recorded:
    """Registry first, then the bits; again for a segment whose registry was forgotten in between."""
    remaining = dict(segments_of(ids))
    fresh_in_day = fresh_ever = 0
    for _ in range(ATTEMPTS):
        open_segments(site, visits, list(remaining))
        lost: list[int] = []
        batches = [batch_of(number, bits) for number, bits in remaining.items()]
        for start in range(0, len(batches), SEGMENTS_A_CALL):
            part = batches[start : start + SEGMENTS_A_CALL]
            fresh, unregistered = site.store.visits.mark_users(visits.event, visits.kind, visits.lives, part)
            fresh_in_day += sum(one[visits.day] for one in fresh)
            fresh_ever += sum(one[-1] for one in fresh)
            lost += unregistered
        remaining = {number: remaining[number] for number in lost}
        if not remaining:
            return Recorded(visits.received, fresh_in_day, fresh_ever)
    raise Conflict(f"event {visits.event} is being forgotten; send the visits again")


def open_segments(site: Site, visits: Visits, numbers: Sequence[int]) -> None:
    """Enter the segments into the registries. Raises InvalidInput for another kind or too wide a span."""
    status, why = site.store.visits.open_event(
        visits.event, visits.kind, visits.lives, numbers, site.max_segments
    )
    if status == "kind":
        raise other_kind(visits.event, why.decode(), visits.kind)
    if status == "segments":
        raise InvalidInput(
            f"event {visits.event} would span {why} segments of {SEGMENT_BITS} ids; at most "
            f"{site.max_segments}: its ids are too sparse for bitmaps. Raise MAX_SEGMENTS, or send "
            "them as texts, which are numbered densely",
            field="users",
        )


def other_kind(event: str, held: str | None, kind: Kind) -> InvalidInput:
    return InvalidInput(
        f"event {event} holds {held}, as its first visit did, and this batch holds {kind}",
        field="users",
    )


def batch_of(segment: int, bits: npt.NDArray[np.uint32]) -> Batch:
    """Few bits one by one; many as the bytes of a whole segment, so that no string grows twice."""
    if len(bits) <= MOST_SINGLE_BITS:
        return Batch(segment, bits=bits.tolist())
    flags = np.zeros(SEGMENT_BITS, np.uint8)
    flags[bits] = 1
    return Batch(segment, packed=np.packbits(flags).tobytes())

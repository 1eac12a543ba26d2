"""Recording visits: everything is checked before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from shared.activity.periods import Granularity, Period, periods_to_write
from shared.activity.users import Ids, Kind, User, checked, segments_of
from shared.errors import Conflict, InvalidInput
from shared.names import checked_name
from shared.store import Store
from shared.store.activity import SEGMENT_BITS, Batch

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
    periods: list[Period]
    received: int


def record(
    store: Store, event: str, users: Sequence[User], *, at: datetime, now: datetime, max_segments: int
) -> Recorded:
    """Record visits of these users. If the server is lost midway, part may be kept: send them again.

    Raises:
        InvalidInput: an id, the moment, the mix of kinds or the span of segments is not allowed.
        StoreUnavailable: part of the batch may be recorded; every visit counts once however often sent.
    """
    if not users:
        raise InvalidInput("users is empty; a batch names at least one", field="users")
    kind = checked(users)
    visits = Visits(checked_name(event, "event"), kind, periods_to_write(at, now), len(users))
    store.activity.check_layout()  # before texts get their numbers: a refused batch changes nothing
    ids = numbers_of(store, visits, users) if kind is Kind.TEXTS else np.array(users, np.uint32)
    return write(store, visits, ids, max_segments)


def record_ids(
    store: Store, event: str, ids: Ids, *, at: datetime, now: datetime, max_segments: int
) -> Recorded:
    """The same for integers that are an array already. Raises as `record` does."""
    visits = Visits(checked_name(event, "event"), Kind.INTEGERS, periods_to_write(at, now), len(ids))
    store.activity.check_layout()
    return write(store, visits, ids, max_segments)


def numbers_of(store: Store, visits: Visits, users: Sequence[User]) -> Ids:
    """The texts' dense numbers. The kind is looked at first: a refused batch must give nobody a number."""
    held = store.activity.kind(visits.event)
    if held not in (None, visits.kind):
        raise other_kind(visits, held)
    return np.array(store.activity.number_users([str(user) for user in users]), np.uint32)


def write(store: Store, visits: Visits, ids: Ids, max_segments: int) -> Recorded:
    """Registry first, then the bits; again for a segment whose registry was forgotten in between."""
    lives = [period.life for period in visits.periods]
    day = next(i for i, period in enumerate(visits.periods) if period.granularity is Granularity.DAY)
    remaining = dict(segments_of(ids))
    fresh_in_day = fresh_ever = 0
    for _ in range(ATTEMPTS):
        open_segments(store, visits, list(remaining), max_segments)
        lost: list[int] = []
        batches = [batch_of(number, bits) for number, bits in remaining.items()]
        for start in range(0, len(batches), SEGMENTS_A_CALL):
            part = batches[start : start + SEGMENTS_A_CALL]
            fresh, unregistered = store.activity.mark_users(visits.event, lives, part)
            fresh_in_day += sum(one[day] for one in fresh)
            fresh_ever += sum(one[-1] for one in fresh)
            lost += unregistered
        remaining = {number: remaining[number] for number in lost}
        if not remaining:
            return Recorded(visits.received, fresh_in_day, fresh_ever)
    raise Conflict(f"event {visits.event} is being forgotten; send the visits again")


def open_segments(store: Store, visits: Visits, numbers: Sequence[int], max_segments: int) -> None:
    """Enter the segments into the registries. Raises InvalidInput for another kind or too wide a span."""
    lives = [period.life for period in visits.periods]
    status, why = store.activity.open_event(visits.event, visits.kind, lives, numbers, max_segments)
    if status == "kind":
        raise other_kind(visits, why.decode())
    if status == "segments":
        raise InvalidInput(
            f"event {visits.event} would span {why} segments of {SEGMENT_BITS} ids; at most {max_segments}: "
            "its ids are too sparse for bitmaps. Raise MAX_SEGMENTS, or send them as texts, which "
            "are numbered densely",
            field="users",
        )


def other_kind(visits: Visits, held: str | None) -> InvalidInput:
    return InvalidInput(
        f"event {visits.event} holds {held}, as its first visit did, and this batch holds {visits.kind}",
        field="users",
    )


def batch_of(segment: int, bits: npt.NDArray[np.uint32]) -> Batch:
    """Few bits one by one; many as the bytes of a whole segment, so that no string grows twice."""
    if len(bits) <= MOST_SINGLE_BITS:
        return Batch(segment, bits=bits.tolist())
    flags = np.zeros(SEGMENT_BITS, np.uint8)
    flags[bits] = 1
    return Batch(segment, packed=np.packbits(flags).tobytes())

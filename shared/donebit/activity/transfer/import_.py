"""Importing a whole bitmap: its users are added to a period and to the longer ones that contain it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import cast

import numpy as np

from donebit.activity.events import event as events
from donebit.activity.events import ingest
from donebit.activity.events.batching import Visits, other_kind
from donebit.activity.events.event import Event
from donebit.activity.periods.calendar import ALL_TIME, Period
from donebit.activity.periods.expiry import AHEAD
from donebit.activity.periods.imported import apart, is_apart, is_lost_in_spans, longer_around
from donebit.activity.site import Site
from donebit.activity.transfer import formats
from donebit.activity.transfer.formats import Parts
from donebit.activity.users.id_mapping import refuse_new
from donebit.activity.users.ids import Ids, User, UserKind, check_batch, distinct_of, kind_held
from donebit.errors import InvalidInput
from donebit.store import text_ids

SEGMENTS_A_CALL = 8  # their ids at once are 32 MB at most


def add(site: Site, name: str, period: Period, parts: Parts, now: datetime) -> tuple[int, int]:
    """Add the users of a bitmap to a period, to the longer ones that contain it, and to all-time.

    Shorter periods do not get them, as it is not known which of them the users were seen in.

    Returns:
        How many users the bitmap has, and how many of them the period did not have before.

    Raises:
        InvalidInput: the event holds another kind, the period has expired or has not begun, or the users
            would span too many segments. Nothing is written then.
        StoreUnavailable: part may be written; sending the same bitmap again adds the rest.
    """
    visits = _visits(site, events.get(site, name), UserKind.INTEGERS, period, now)
    if not parts:
        return 0, 0
    site.store.activity_layout.check(site.zone)
    ingest.open_segments(site, visits, sorted(parts))
    received = fresh = 0
    for ids in _batches(parts):
        recorded = ingest.write(site, replace(visits, users=ids), sorted(parts))
        received += len(ids)
        fresh += recorded.fresh_in_day
    return received, fresh


def add_users(
    site: Site,
    name: str,
    period: Period,
    users: Sequence[User] | Ids,
    now: datetime,
    *,
    ids: UserKind | None = None,
) -> tuple[int, int]:
    """Add users given by id, integers or texts, as `add` does; the results and errors are the same.

    Args:
        ids: how the ids are to be held, MAPPED to number integers densely; by default as the event
            holds them.
    """
    if not len(users):
        return 0, 0
    event = events.get(site, name)
    kind = kind_held(check_batch(users), event.kind, ids)
    visits = _visits(site, event, kind, period, now)
    refuse_new(site, kind, users)
    site.store.activity_layout.check(site.zone)
    recorded = ingest.write(site, replace(visits, kind=kind, users=users), ())
    if kind is UserKind.TEXTS:
        return len(set(text_ids.packed(cast(Sequence[str], users)))), recorded.fresh_in_day
    return len(distinct_of(np.asarray(users, np.uint32))), recorded.fresh_in_day


def _visits(site: Site, event: Event, kind: UserKind, period: Period, now: datetime) -> Visits:
    """What is written: the period itself and those that contain it, without expired ones."""
    if event.kind is not None and event.kind is not kind:
        raise other_kind(event.name, event.kind, kind)
    if period.start is not None and period.start > now + AHEAD:
        raise InvalidInput(f"the {period.granularity} {period.name} has not begun yet", field="at")
    event.expiry.check_written(period, now)
    longer = longer_around(site.calendar, period)
    ending = [one for one in [period, *longer] if one != ALL_TIME and event.expiry.keeps(one, now)]
    kept_apart = [apart(period)] if is_apart(period) else []
    expiries = [event.expiry.period_expiry(one) for one in [*ending, *kept_apart, ALL_TIME]]
    imported = period.name if is_lost_in_spans(site.calendar, period) else ""
    return Visits(
        event.name, kind, tuple(expiries), expiries.index(event.expiry.period_expiry(period)), (), imported
    )


def _batches(parts: Parts) -> Iterator[Ids]:
    numbers = iter(sorted(parts))
    while batch := list(islice(numbers, SEGMENTS_A_CALL)):
        yield np.concatenate([formats.ids_of(number, parts[number]()) for number in batch])

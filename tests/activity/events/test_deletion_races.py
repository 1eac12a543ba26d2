"""A visit that an event is forgotten around is counted or gone: no bit outlives what names it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from donebit.activity.analytics import counts
from donebit.activity.events import ingest
from donebit.activity.events.deletion import forget
from donebit.activity.periods.calendar import Granularity
from donebit.errors import StoreUnavailable
from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS
from donebit.store.visits import VisitStore
from tests.activity.arranged import UTC_CALENDAR, site_on


def visit(store: Store, user: int, at: datetime) -> None:
    ingest.record(site_on(store), "seen", [user], at=at, now=datetime.now(UTC))


def count(store: Store, granularity: Granularity, at: datetime) -> int:
    return counts.count(site_on(store), "seen", UTC_CALENDAR.period_at(granularity, at))


def test_a_segment_entered_while_its_event_is_forgotten_is_forgotten_too(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registries have been read, and are not yet dropped: a visit enters a segment more."""
    now, drop_event = datetime.now(UTC), VisitStore.drop_event

    def visit_first(self: VisitStore, event: str, periods: list[str]) -> bool:
        visit(store, SEGMENT_BITS + 9, now)
        return drop_event(self, event, periods)

    visit(store, 1, now)
    monkeypatch.setattr(VisitStore, "drop_event", visit_first)

    forget(site_on(store), "seen")

    assert list(client.scan_iter("donebit:*{*}*")) == []
    visit(store, SEGMENT_BITS + 1, now)
    assert count(store, Granularity.ALL, now) == 1


def test_a_visit_is_registered_again_after_its_event_was_deleted(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All time has its segment back, by a visit long ago; the day of this visit has not."""
    now, mark_users, interruptions = datetime.now(UTC), VisitStore.mark_users, [None]

    def begin_anew_first(self: VisitStore, event: str, *visits: Any) -> object:
        if interruptions:
            interruptions.pop()
            forget(site_on(store), event)
            visit(store, 2, now - timedelta(days=40))
        return mark_users(self, event, *visits)

    monkeypatch.setattr(VisitStore, "mark_users", begin_anew_first)

    visit(store, 1, now)

    assert [count(store, granularity, now) for granularity in Granularity] == [1, 1, 1, 1, 2]
    forget(site_on(store), "seen")
    assert list(client.scan_iter("donebit:*{*}*")) == []


def test_a_period_over_by_the_servers_clock_alone_is_not_taken_as_deleted(
    store: Store,
) -> None:
    behind = datetime.now(UTC) - timedelta(hours=50)  # this machine's clock, and so its hour still lives

    made = ingest.record(site_on(store), "seen", [1], at=behind, now=behind)

    assert made.fresh_ever == 1
    assert count(store, Granularity.DAY, behind) == 1


def test_a_server_lost_after_the_registry_leaves_no_unnamed_bitmap(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_segments = VisitStore.drop_segments

    def lost_without_registry(self: VisitStore, event: str, found: dict[str, list[int]]) -> None:
        if not self.periods(event):
            raise StoreUnavailable("Redis cannot be reached")
        drop_segments(self, event, found)

    visit(store, 1, datetime.now(UTC))
    monkeypatch.setattr(VisitStore, "drop_segments", lost_without_registry)

    with pytest.raises(StoreUnavailable):
        forget(site_on(store), "seen")

    assert list(client.scan_iter("donebit:*{*}*")) == []

"""A visit that an event is forgotten around is counted or gone: no bit outlives what names it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from redis import Redis

from shared.activity import ingest, questions
from shared.activity.forgetting import forget
from shared.activity.periods import Granularity, period_at
from shared.store import Store
from shared.store.activity import SEGMENT_BITS, ActivityStore


def visit(store: Store, user: int, at: datetime) -> None:
    ingest.record(store, "seen", [user], at=at, now=datetime.now(UTC), max_segments=1024)


def count(store: Store, granularity: Granularity, at: datetime) -> int:
    return questions.count(store, "seen", period_at(granularity, at))


def test_a_segment_entered_while_its_event_is_forgotten_is_forgotten_too(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registries have been read, and are not yet dropped: a visit enters a segment more."""
    now, drop_event = datetime.now(UTC), ActivityStore.drop_event

    def visit_first(self: ActivityStore, event: str, periods: list[str]) -> bool:
        visit(store, SEGMENT_BITS + 9, now)
        return drop_event(self, event, periods)

    visit(store, 1, now)
    monkeypatch.setattr(ActivityStore, "drop_event", visit_first)

    forget(store, "seen")

    assert list(client.scan_iter("seen:{*}*")) == []
    visit(store, SEGMENT_BITS + 1, now)
    assert count(store, Granularity.ALL, now) == 1

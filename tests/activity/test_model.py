"""Any sequence of visits, late ones too, against sets of plain Python."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from fakeredis import FakeRedis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from shared.activity import ingest, questions
from shared.activity.calendar import Granularity
from shared.activity.forgetting import forget
from shared.activity.retention import DEFAULT, periods_to_write
from shared.activity.users import LARGEST_ID, User
from shared.store import Store
from shared.store.bitmaps import SEGMENT_BITS
from tests.activity.arranged import UTC_CALENDAR, site_on

# Around now, and around the borders of days, ISO weeks and months that lie behind.
AGO = st.integers(0, 380 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))
INTEGERS = st.integers(0, 9) | st.integers(SEGMENT_BITS - 4, SEGMENT_BITS + 4) | st.just(LARGEST_ID)
TEXTS = st.sampled_from(["a", "b", "ä", "7", "", "x" * 200]).filter(bool)
BATCHES = st.one_of(*(st.lists(users, min_size=1, max_size=12) for users in (INTEGERS, TEXTS)))
SEQUENCES = st.lists(st.tuples(st.sampled_from(["read", "write"]), AGO, BATCHES), max_size=8)

Seen = dict[tuple[str, str], set[User]]


class Model:
    """Who was seen, by event and period."""

    def __init__(self) -> None:
        self.seen: Seen = defaultdict(set)
        self.kinds: dict[str, type] = {}

    def takes(self, event: str, users: list[User]) -> bool:
        return self.kinds.setdefault(event, type(users[0])) is type(users[0])

    def record(self, event: str, users: list[User], at: datetime, now: datetime) -> tuple[int, int]:
        """(fresh that day, fresh ever)."""
        day, ever = (
            self.seen[event, UTC_CALENDAR.period_at(Granularity.DAY, at).name],
            self.seen[event, "all"],
        )
        fresh = len(set(users) - day), len(set(users) - ever)
        for period in periods_to_write(UTC_CALENDAR, DEFAULT, at, now):
            self.seen[event, period.name] |= set(users)
        return fresh


def check(client: Redis, sequence: list[tuple[str, timedelta, list[User]]]) -> None:
    store, model = Store.on(client), Model()
    now = datetime.now(UTC)
    for event, ago, users in sequence:
        at = now - ago
        if not model.takes(event, users):
            continue
        made = ingest.record(site_on(store), event, users, at=at, now=now)
        assert (made.fresh_in_day, made.fresh_ever) == model.record(event, users, at, now)
    for event, ago, users in sequence:
        for period in periods_to_write(UTC_CALENDAR, DEFAULT, now - ago, now):
            seen = model.seen[event, period.name]
            assert questions.count(site_on(store), event, period) == len(seen)
            for user in users:
                if model.kinds[event] is type(user):
                    assert questions.present(site_on(store), event, user, period) == (user in seen)
    for event in model.kinds:
        forget(site_on(store), event)
    assert not list(client.scan_iter("seen:{[0-9]*}*"))


@settings(max_examples=80, deadline=None)
@given(SEQUENCES)
def test_any_visits_are_counted_as_sets_would_on_fakeredis(
    sequence: list[tuple[str, timedelta, list[User]]],
) -> None:
    with FakeRedis(version=(7, 0)) as client:
        check(client, sequence)


@pytest.mark.usefixtures("real_client")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=SEQUENCES)
def test_any_visits_are_counted_as_sets_would_on_a_real_server(
    real_client: Redis, sequence: list[tuple[str, timedelta, list[User]]]
) -> None:
    real_client.flushall()
    check(real_client, sequence)

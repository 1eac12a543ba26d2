"""Who was there when, as plain sets of (user, moment); and random histories around difficult borders."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from redis import Redis

from donebit.activity.events import ingest
from donebit.activity.periods.calendar import Granularity, Period
from donebit.activity.periods.expiry import ExpiryPolicy
from donebit.activity.site import Site
from donebit.store import Store, keys
from donebit.store.bitmaps import SEGMENT_BITS
from tests.activity.arranged import FAR, site_on
from tests.key_by_key import drop

ZONES = ["UTC", "Europe/Berlin", "America/Santiago", "Pacific/Auckland"]  # in Santiago midnight may not exist
# Leap days, borders of years and of ISO years, and days on which clocks are changed.
BORDERS = [
    datetime(year, month, day, tzinfo=UTC)
    for year, month, day in [
        (2024, 2, 29),
        (2024, 12, 30),
        (2026, 1, 1),
        (2026, 3, 29),
        (2026, 9, 6),
        (2026, 10, 25),
        (2027, 1, 3),
        (2028, 3, 1),
    ]
]
USERS = [0, 7, 8, 15, SEGMENT_BITS - 1, SEGMENT_BITS, SEGMENT_BITS + 8, 3 * SEGMENT_BITS - 1]
EVENTS = ["read", "write"]
SPAN = timedelta(days=70)  # of most visits, before and after the border
ALL_KEPT = ExpiryPolicy(FAR, FAR, FAR, FAR)
OF_DAYS = (Granularity.DAY, Granularity.WEEK, Granularity.MONTH)

# Most are close together, so that cohorts come back; some are years older.
AROUND = st.integers(-9 * 24 * 60, 9 * 24 * 60) | st.integers(-SPAN // timedelta(minutes=1), 9 * 24 * 60)
OLD = st.integers(1, 900).map(lambda days: -days * 24 * 60)
BATCHES = st.tuples(
    st.sampled_from(EVENTS), AROUND | OLD, st.lists(st.sampled_from(USERS), min_size=1, max_size=6)
)
DURATIONS = st.sampled_from([20, 45, 90, 400, 2000]).map(lambda days: timedelta(days=days))
POLICIES = st.builds(ExpiryPolicy, st.just(FAR), DURATIONS, DURATIONS, DURATIONS)


@dataclass(frozen=True)
class History:
    """What happens until `now`: visits in the order of their arrival, users erased, keys expired."""

    zone: str
    border: datetime
    batches: list[tuple[str, int, list[int]]]  # event, minutes from the border, users
    erased: list[int]
    kept: ExpiryPolicy | None  # what is kept of it at `now`; everything when None
    now: datetime

    def at(self, minutes: int) -> datetime:
        return min(self.border + timedelta(minutes=minutes), self.now)


HISTORIES = st.builds(
    lambda zone, border, batches, erased, kept, later: History(
        zone, border, batches, erased, kept, border + later
    ),
    st.sampled_from(ZONES),
    st.sampled_from(BORDERS),
    st.lists(BATCHES, min_size=1, max_size=14),
    st.lists(st.sampled_from(USERS), max_size=1),
    st.none() | POLICIES,
    st.integers(-24, 9 * 24).map(lambda hours: timedelta(hours=hours)),
)


@dataclass
class Model:
    """What is known of the visits of a history, by definition rather than by bitmaps."""

    site: Site
    now: datetime
    kept: ExpiryPolicy
    visits: dict[str, set[tuple[int, datetime]]] = field(default_factory=lambda: defaultdict(set))

    def keeps(self, period: Period) -> bool:
        return self.kept.keeps(period, self.now)

    def active(self, event: str, period: Period) -> set[int]:
        assert period.start is not None
        assert period.stop is not None
        return {user for user, at in self.visits[event] if period.start <= at < period.stop}

    def before(self, event: str, period: Period) -> set[int]:
        """Users with a visit before the period that some day, week or month still tells of."""
        return {
            user
            for user, at in self.visits[event]
            for one in (self.site.calendar.period_at(granularity, at) for granularity in OF_DAYS)
            if one.stop and period.start and one.stop <= period.start and self.keeps(one)
        }


def lived(client: Redis, history: History) -> tuple[Site, Model]:
    """The history on a server, and as the model has it."""
    site = site_on(Store.on(client), zone=history.zone)
    model = Model(site, history.now, history.kept or ALL_KEPT)
    for event in EVENTS:
        keep(client, event, ALL_KEPT)
    for event, minutes, users in history.batches:
        ingest.record(site, event, users, at=history.at(minutes), now=history.now)
        model.visits[event] |= {(user, history.at(minutes)) for user in users}
    for user in history.erased:
        erase(client, user, model)
    for event in EVENTS:
        keep(client, event, model.kept)
        expire(client, event, model)
    return site, model


def keep(client: Redis, event: str, kept: ExpiryPolicy) -> None:
    for granularity in Granularity:
        if duration := kept.duration(granularity):
            client.hset(keys.event_meta(event), f"keep_{granularity}", int(duration.total_seconds()))


def erase(client: Redis, user: int, model: Model) -> None:
    segment, bit = divmod(user, SEGMENT_BITS)
    for name in client.scan_iter(f"donebit:seen:{{{segment}}}:*"):
        client.setbit(name, bit, 0)
    for event, visits in model.visits.items():
        model.visits[event] = {(other, at) for other, at in visits if other != user}


def expire(client: Redis, event: str, model: Model) -> None:
    """Drop what the server would have dropped by now: registries and bitmaps."""
    for _, at in model.visits[event]:
        for granularity in OF_DAYS:
            period = model.site.calendar.period_at(granularity, at)
            if not model.keeps(period):
                client.delete(keys.segments(event, period.name))
                drop(client, *(keys.segment(number, event, period.name) for number in range(3)))

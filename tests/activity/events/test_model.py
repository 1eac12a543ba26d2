"""Any sequence of visits, late ones too, against sets of plain Python."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

import pytest
from fakeredis import FakeRedis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.activity.analytics import counts
from donebit.activity.events import ingest
from donebit.activity.events.batching import Arrival
from donebit.activity.events.deletion import forget
from donebit.activity.events.ingest import Recorded
from donebit.activity.periods.calendar import Granularity
from donebit.activity.periods.expiry import DEFAULT, periods_to_write
from donebit.activity.sets import algebra
from donebit.activity.users import id_mapping
from donebit.activity.users.ids import LARGEST_ID, User, UserKind
from donebit.errors import InvalidInput
from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap
from tests.activity.arranged import UTC_CALENDAR, real_now, site_on
from tests.conftest import everything

# Around now, and around the borders of days, ISO weeks and months that lie behind.
AGO = st.integers(0, 380 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))
INTEGERS = st.integers(0, 9) | st.integers(SEGMENT_BITS - 4, SEGMENT_BITS + 4) | st.just(LARGEST_ID)
TEXTS = st.sampled_from(["a", "b", "ä", "7", "x" * 200, "0194f2a1-7c3e-7b52-9d06-5f4e3a2b1c00"])
BATCHES = st.one_of(*(st.lists(users, min_size=1, max_size=12) for users in (INTEGERS, TEXTS)))
SAID = st.sampled_from([None, None, *UserKind])
REQUEST = st.lists(
    st.tuples(st.sampled_from(["read", "write", "pay"]), AGO, BATCHES, SAID), min_size=1, max_size=4
)
SEQUENCES = st.lists(REQUEST, max_size=4)

Visit = tuple[str, timedelta, list[User], UserKind | None]
Seen = dict[tuple[str, str], set[User]]


class Model:
    """Who was seen, by event and period."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.seen: Seen = defaultdict(set)
        self.kinds: dict[str, UserKind] = {}

    def takes(self, request: list[Visit]) -> bool:
        """Whether every event goes on with the kind it began with; if so, that is remembered."""
        kinds = dict(self.kinds)
        for event, _, users, said in request:
            given = UserKind.TEXTS if isinstance(users[0], str) else UserKind.INTEGERS
            if said is not None and (said is UserKind.TEXTS) != (given is UserKind.TEXTS):
                return False
            held = kinds.setdefault(event, said or given)
            if held is not said and (
                said is not None or (held is UserKind.TEXTS) != (given is UserKind.TEXTS)
            ):
                return False
        self.kinds = kinds
        return True

    def record(self, event: str, ago: timedelta, users: list[User]) -> Recorded:
        day = self.seen[event, UTC_CALENDAR.period_at(Granularity.DAY, self.now - ago).name]
        ever = self.seen[event, "all"]
        made = Recorded(len(users), len(set(users) - day), len(set(users) - ever))
        for period in periods_to_write(UTC_CALENDAR, DEFAULT, self.now - ago, self.now):
            self.seen[event, period.name] |= set(users)
        return made


def expected(model: Model, request: list[Visit]) -> dict[tuple[str, str], Recorded]:
    made: dict[tuple[str, str], Recorded] = {}
    for event, ago, users, _ in request:
        where = event, UTC_CALENDAR.period_at(Granularity.DAY, model.now - ago).name
        made[where] = made.get(where, ingest.NOTHING) + model.record(event, ago, users)
    return made


def record(client: Redis, model: Model, request: list[Visit]) -> None:
    arrivals = [Arrival(event, users, model.now - ago, said) for event, ago, users, said in request]
    site, before = site_on(Store.on(client)), everything(client)
    if model.takes(request):
        made = ingest.record_all(site, arrivals, now=model.now)
        wanted = expected(model, request)
        assert {where: one.fresh_in_day for where, one in made.items()} == {
            where: one.fresh_in_day for where, one in wanted.items()
        }
        assert sum(made.values(), ingest.NOTHING) == sum(wanted.values(), ingest.NOTHING)
    else:
        with pytest.raises(InvalidInput):
            ingest.record_all(site, arrivals, now=model.now)
        assert everything(client) == before


def check(client: Redis, sequence: list[list[Visit]]) -> None:
    store, now = Store.on(client), real_now()
    site, model = site_on(store), Model(real_now())
    for request in sequence:
        record(client, model, request)
    for event, ago, users, _ in (
        visit for request in sequence for visit in request if visit[0] in model.kinds
    ):
        for period in periods_to_write(UTC_CALENDAR, DEFAULT, now - ago, now):
            seen, kind = model.seen[event, period.name], model.kinds[event]
            assert counts.count(site, event, period) == len(seen)
            members = algebra.members(store, Bitmap(event, period.name), limit=100)
            assert set(id_mapping.names_of(site, kind, members)) == seen
            for user in users:
                if isinstance(user, str) == (kind is UserKind.TEXTS):
                    assert counts.present(site, event, user, period) == (user in seen)
    for kind in UserKind:
        everybody = [model.seen[event, "all"] for event, held in model.kinds.items() if held is kind]
        assert algebra.count(store, algebra.all_users(site, kind)) == len(set().union(*everybody))
    for event in model.kinds:
        forget(site, event)
    assert not list(client.scan_iter("donebit:seen:{[0-9]*}*"))


@settings(max_examples=32, deadline=None)
@given(SEQUENCES)
def test_any_visits_are_counted_as_sets_would_on_fakeredis(
    sequence: list[list[Visit]],
) -> None:
    with FakeRedis(version=(7, 0)) as client:
        check(client, sequence)


@pytest.mark.usefixtures("real_client")
@settings(max_examples=16, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=SEQUENCES)
def test_any_visits_are_counted_as_sets_would_on_a_real_server(
    real_client: Redis, sequence: list[list[Visit]]
) -> None:
    real_client.flushall()
    check(real_client, sequence)

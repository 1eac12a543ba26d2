"""How long what activity leaves on the server stays there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from donebit.activity.events.ingest import MOST_SINGLE_BITS
from donebit.activity.periods.calendar import Granularity
from donebit.activity.periods.expiry import DEFAULT
from donebit.store import Store, keys
from tests.activity.arranged import UTC_CALENDAR, real_now, record
from tests.clustered import in_one_piece
from tests.conftest import keys_without_ttl
from tests.key_by_key import existing

ENDING = [one for one in Granularity if one is not Granularity.ALL]
FEW, MANY = [5], list(range(MOST_SINGLE_BITS + 1))
PERMANENT = {
    keys.LAYOUT,
    keys.EVENTS,
    keys.event_meta("seen"),
    keys.periods("seen"),
    keys.segments("seen", "all"),
    keys.segment(0, "seen", "all"),
}
INTEGERS, TEXTS = ({keys.user_count(0, "seen", kind)} for kind in ("integers", "texts"))


@pytest.mark.parametrize("batches", [[FEW], [MANY], [FEW, MANY], [MANY, FEW]], ids=str)
def test_each_period_goes_when_its_retention_is_over(
    store: Store, client: Redis, batches: list[list[int]]
) -> None:
    now = real_now()

    for users in batches:
        record(store, users, at=now)

    for granularity in ENDING:
        period, kept = UTC_CALENDAR.period_at(granularity, now), DEFAULT.duration(granularity)
        assert period.stop is not None
        assert kept is not None
        for key in (keys.segment(0, "seen", period.name), keys.segments("seen", period.name)):
            assert client.expiretime(key) == int((period.stop + kept).timestamp())


@pytest.mark.parametrize("users", [FEW, MANY], ids=["few", "many"])
def test_only_what_the_catalogue_calls_permanent_stays_for_ever(
    store: Store, client: Redis, users: list[int]
) -> None:
    record(store, users)

    assert keys_without_ttl(client) == PERMANENT | INTEGERS


def test_the_directory_of_texts_is_permanent(store: Store, client: Redis) -> None:
    in_one_piece(store)
    record(store, ["a"])

    assert keys_without_ttl(client) == PERMANENT | TEXTS | {
        keys.numbers("users"),
        keys.ids_of_numbers("users", 0),
        keys.next_number("users"),
    }


@pytest.mark.parametrize("users", [FEW, MANY], ids=["few", "many"])
def test_no_scratch_key_is_left(store: Store, client: Redis, users: list[int]) -> None:
    record(store, users)

    assert list(client.scan_iter("donebit:seen:*batch*")) == []


def test_a_late_visit_makes_no_key_of_a_period_that_is_over(store: Store, client: Redis) -> None:
    late = real_now() - timedelta(days=30)

    record(store, FEW, at=late)

    hour = UTC_CALENDAR.period_at(Granularity.HOUR, late).name
    assert existing(client, keys.segment(0, "seen", hour), keys.segments("seen", hour)) == []
    assert client.exists(keys.segment(0, "seen", UTC_CALENDAR.period_at(Granularity.DAY, late).name))


def test_the_names_of_periods_that_are_over_go_when_a_new_one_begins(store: Store, client: Redis) -> None:
    record(store, FEW, at=real_now() - timedelta(days=1))
    client.zadd(keys.periods("seen"), {"2001-01-01": 1_009_843_200})

    record(store, FEW)

    names = store.visits.periods("seen")
    assert "2001-01-01" not in names
    assert {"all", UTC_CALENDAR.period_at(Granularity.DAY, real_now()).name} < set(names)

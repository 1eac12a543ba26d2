"""How long an event is kept can be set, before its first visit or after many."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis

from donebit.activity.events import event as events
from donebit.activity.events import set_expiry
from donebit.activity.events.deletion import forget
from donebit.activity.periods import spans
from donebit.activity.periods.calendar import Granularity, Period
from donebit.activity.periods.expiry import DEFAULT, ExpiredBefore, ExpiryPolicy
from donebit.errors import InvalidInput
from donebit.store import Store, keys
from tests.activity.arranged import UTC_CALENDAR, count, real_now, record, site_on
from tests.key_by_key import existing

SHORT = ExpiryPolicy(
    hour=timedelta(days=1), day=timedelta(days=3), week=timedelta(days=9), month=timedelta(days=9)
)
LONG = ExpiryPolicy(day=timedelta(days=1000), month=timedelta(days=36_500))


def keys_of(period: Period) -> list[str]:
    return [keys.segment(0, "seen", period.name), keys.segments("seen", period.name)]


def expires_as(client: Redis, expiry: ExpiryPolicy) -> bool:
    """Whether each current period expires when the policy says."""
    periods = [UTC_CALENDAR.period_at(one, real_now()) for one in Granularity if one is not Granularity.ALL]
    return all(
        client.expiretime(key) == expiry.period_expiry(period).expires_s
        for period in periods
        for key in keys_of(period)
    )


@pytest.mark.parametrize("expiry", [SHORT, LONG, DEFAULT], ids=["short", "long", "default"])
def test_a_new_expiry_applies_to_old_and_new_visits(
    store: Store, client: Redis, expiry: ExpiryPolicy
) -> None:
    record(store, [1])

    event = set_expiry.apply(site_on(store), "seen", expiry)

    assert replace(event.expiry, expired_before=ExpiredBefore()) == expiry
    assert expires_as(client, expiry)
    record(store, [2])
    assert expires_as(client, expiry)
    assert count(store, granularity=Granularity.DAY) == 2


def test_expiry_can_be_set_before_the_first_visit_and_changed_after(store: Store, client: Redis) -> None:
    set_expiry.apply(site_on(store), "seen", SHORT)
    record(store, [1])
    assert expires_as(client, SHORT)

    set_expiry.apply(site_on(store), "seen", DEFAULT)

    assert expires_as(client, DEFAULT)


def test_a_shorter_expiry_drops_old_periods_but_not_all_time(store: Store, client: Redis) -> None:
    old = real_now() - timedelta(days=30)
    record(store, [1], at=old)

    set_expiry.apply(site_on(store), "seen", SHORT)

    assert existing(client, *keys_of(UTC_CALENDAR.period_at(Granularity.DAY, old))) == []
    assert count(store) == 1
    with pytest.raises(InvalidInput, match="no longer kept: at must not be further back than 3 days"):
        record(store, [2], at=old)


def test_a_longer_expiry_accepts_older_visits(store: Store) -> None:
    set_expiry.apply(site_on(store), "seen", LONG)

    record(store, [1], at=real_now() - timedelta(days=900))

    assert count(store, granularity=Granularity.DAY, at=real_now() - timedelta(days=900)) == 1


@pytest.mark.parametrize("days", [0, 36_501])
def test_a_duration_out_of_bounds_is_refused_and_changes_nothing(
    store: Store, client: Redis, days: int
) -> None:
    with pytest.raises(InvalidInput, match=f"day is {days} days; it must be 1 to 36500"):
        set_expiry.apply(site_on(store), "seen", ExpiryPolicy(day=timedelta(days=days)))

    assert client.dbsize() == 0


def test_a_forgotten_event_has_the_default_expiry_again(store: Store) -> None:
    set_expiry.apply(site_on(store), "seen", SHORT)

    forget(site_on(store), "seen")

    assert events.get(site_on(store), "seen").expiry == DEFAULT


def test_a_longer_expiry_still_refuses_the_dropped_days(store: Store) -> None:
    now = real_now()
    record(store, [1, 2], at=now - timedelta(days=9))
    set_expiry.apply(site_on(store), "seen", replace(DEFAULT, day=timedelta(days=7)))

    event = set_expiry.apply(site_on(store), "seen", DEFAULT)
    again = set_expiry.apply(site_on(store), "seen", LONG)

    for expiry in (event.expiry, again.expiry):
        day = UTC_CALENDAR.period_at(Granularity.DAY, now - timedelta(days=9))
        with pytest.raises(InvalidInput, match=r"no longer kept: .* as the event's expiry was shorter"):
            expiry.check(day, now, "at")
        assert expiry.keeps(UTC_CALENDAR.period_at(Granularity.DAY, now - timedelta(days=5)), now)
        start, stop = (UTC_CALENDAR.midnight((now - timedelta(days=ago)).date()) for ago in (3, 1))
        span = spans.between(UTC_CALENDAR, expiry, start, stop, now=now)
        assert span.periods
        with pytest.raises(InvalidInput, match="cannot be made up of what is still kept"):
            spans.between(UTC_CALENDAR, expiry, day.start or now, day.stop or now, now=now)


@pytest.mark.parametrize("oldest", [5, 399])
def test_a_longer_expiry_takes_the_older_days_where_none_was_dropped(store: Store, oldest: int) -> None:
    site, now = site_on(store), real_now()
    record(store, [1], at=now - timedelta(days=oldest))
    with pytest.raises(InvalidInput, match=r"400 days before .*; PUT /events/.event./expiry .\"day\": DAYS"):
        record(store, [2], at=now - timedelta(days=500))

    set_expiry.apply(site, "seen", replace(DEFAULT, day=timedelta(days=800)))

    record(store, [2], at=now - timedelta(days=500))
    assert count(store, granularity=Granularity.DAY, at=now - timedelta(days=500)) == 1
    assert count(store) == 2

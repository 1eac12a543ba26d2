"""How long an event is kept can be said, before its first visit or after many."""

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
from donebit.activity.periods.expiry import DEFAULT, Gone, Retention
from donebit.errors import InvalidInput
from donebit.store import Store, keys
from tests.activity.arranged import UTC_CALENDAR, count, real_now, record, site_on

SHORT = Retention(
    hour=timedelta(days=1), day=timedelta(days=3), week=timedelta(days=9), month=timedelta(days=9)
)
LONG = Retention(day=timedelta(days=1000), month=timedelta(days=36_500))


def keys_of(period: Period) -> list[str]:
    return [keys.segment(0, "seen", period.name), keys.segments("seen", period.name)]


def lives(client: Redis, kept: Retention) -> bool:
    """Whether each period of now expires when it should."""
    periods = [UTC_CALENDAR.period_at(one, real_now()) for one in Granularity if one is not Granularity.ALL]
    return all(
        client.expiretime(key) == kept.life(period).expires_s for period in periods for key in keys_of(period)
    )


@pytest.mark.parametrize("kept", [SHORT, LONG, DEFAULT], ids=["short", "long", "default"])
def test_what_is_there_and_what_comes_lives_as_was_said(store: Store, client: Redis, kept: Retention) -> None:
    record(store, [1])

    event = set_expiry.keep(site_on(store), "seen", kept)

    assert replace(event.retention, gone=Gone()) == kept
    assert lives(client, kept)
    record(store, [2])
    assert lives(client, kept)
    assert count(store, granularity=Granularity.DAY) == 2


def test_an_event_can_be_told_before_its_first_visit_and_told_otherwise_after(
    store: Store, client: Redis
) -> None:
    set_expiry.keep(site_on(store), "seen", SHORT)
    record(store, [1])
    assert lives(client, SHORT)

    set_expiry.keep(site_on(store), "seen", DEFAULT)

    assert lives(client, DEFAULT)


def test_what_is_over_by_the_new_word_goes_at_once_and_all_time_stays(store: Store, client: Redis) -> None:
    old = real_now() - timedelta(days=30)
    record(store, [1], at=old)

    set_expiry.keep(site_on(store), "seen", SHORT)

    assert not client.exists(*keys_of(UTC_CALENDAR.period_at(Granularity.DAY, old)))
    assert count(store) == 1
    with pytest.raises(InvalidInput, match="no longer kept: at must not be further back than 3 days"):
        record(store, [2], at=old)


def test_a_longer_word_takes_visits_from_longer_ago(store: Store) -> None:
    set_expiry.keep(site_on(store), "seen", LONG)

    record(store, [1], at=real_now() - timedelta(days=900))

    assert count(store, granularity=Granularity.DAY, at=real_now() - timedelta(days=900)) == 1


@pytest.mark.parametrize("days", [0, 36_501])
def test_a_duration_out_of_bounds_is_refused_and_changes_nothing(
    store: Store, client: Redis, days: int
) -> None:
    with pytest.raises(InvalidInput, match=f"day is {days} days; it must be 1 to 36500"):
        set_expiry.keep(site_on(store), "seen", Retention(day=timedelta(days=days)))

    assert client.dbsize() == 0


def test_a_forgotten_event_is_kept_as_all_others_again(store: Store) -> None:
    set_expiry.keep(site_on(store), "seen", SHORT)

    forget(site_on(store), "seen")

    assert events.get(site_on(store), "seen").retention == DEFAULT


def test_a_longer_word_brings_nothing_back_and_what_is_gone_is_refused_rather_than_counted_as_nobody(
    store: Store,
) -> None:
    now = real_now()
    record(store, [1, 2], at=now - timedelta(days=9))
    set_expiry.keep(site_on(store), "seen", replace(DEFAULT, day=timedelta(days=7)))

    event = set_expiry.keep(site_on(store), "seen", DEFAULT)
    again = set_expiry.keep(site_on(store), "seen", LONG)

    for told in (event, again):
        day = UTC_CALENDAR.period_at(Granularity.DAY, now - timedelta(days=9))
        with pytest.raises(InvalidInput, match=r"no longer kept: .* before which it was kept for less"):
            told.retention.check(day, now, "at")
        assert told.retention.keeps(UTC_CALENDAR.period_at(Granularity.DAY, now - timedelta(days=5)), now)
        start, stop = (UTC_CALENDAR.midnight((now - timedelta(days=ago)).date()) for ago in (3, 1))
        span = spans.between(UTC_CALENDAR, told.retention, start, stop, now=now)
        assert span.periods
        with pytest.raises(InvalidInput, match="cannot be made up of what is still kept"):
            spans.between(UTC_CALENDAR, told.retention, day.start or now, day.stop or now, now=now)

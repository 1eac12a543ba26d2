"""Which period a moment lies in, what it is called, and how long it is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donebit.activity.analytics import counts
from donebit.activity.events.event import Event
from donebit.activity.periods import expiry
from donebit.activity.periods.calendar import Granularity, Period
from donebit.activity.periods.expiry import DEFAULT
from donebit.errors import InvalidInput
from donebit.store import Store
from tests.activity.arranged import UTC_CALENDAR, site_on

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
ENDING = st.sampled_from([one for one in Granularity if one is not Granularity.ALL])

period_at = UTC_CALENDAR.period_at


def bounds(period: Period) -> tuple[datetime, datetime]:
    assert period.start is not None
    assert period.stop is not None
    return period.start, period.stop


@pytest.mark.parametrize(
    ("granularity", "moment", "name"),
    [
        ("hour", "2026-11-21T03:59:59.999999Z", "2026-11-21T03"),
        ("hour", "2026-11-21T04:00:00Z", "2026-11-21T04"),
        ("day", "2026-11-21T23:59:59.999999Z", "2026-11-21"),
        ("day", "2026-11-22T00:00:00Z", "2026-11-22"),
        ("day", "2026-11-22T01:00:00+02:00", "2026-11-21"),
        ("day", "2028-02-29T12:00:00Z", "2028-02-29"),
        ("week", "2026-11-22T23:59:59Z", "2026-W47"),
        ("week", "2026-11-23T00:00:00Z", "2026-W48"),
        ("week", "2024-12-30T00:00:00Z", "2025-W01"),
        ("week", "2027-01-03T00:00:00Z", "2026-W53"),
        ("week", "2027-01-04T00:00:00Z", "2027-W01"),
        ("month", "2026-11-30T23:59:59Z", "2026-11"),
        ("month", "2026-12-01T00:00:00Z", "2026-12"),
        ("month", "2028-02-29T23:00:00Z", "2028-02"),
        ("all", "2026-11-21T00:00:00Z", "all"),
    ],
)
def test_a_moment_lies_in_the_period_of_that_name(granularity: str, moment: str, name: str) -> None:
    assert period_at(Granularity(granularity), datetime.fromisoformat(moment)).name == name


@given(ENDING, MOMENTS)
def test_a_period_holds_its_moment_and_touches_the_next(granularity: Granularity, moment: datetime) -> None:
    period = period_at(granularity, moment)

    start, stop = bounds(period)
    assert start <= moment < stop
    assert period_at(granularity, stop).start == stop
    assert period_at(granularity, start) == period_at(granularity, stop - timedelta(microseconds=1)) == period


@given(MOMENTS, st.integers(-14, 14))
def test_the_zone_a_moment_is_given_in_does_not_matter(moment: datetime, hours: int) -> None:
    elsewhere = moment.astimezone(timezone(timedelta(hours=hours)))

    assert [period_at(g, elsewhere) for g in Granularity] == [period_at(g, moment) for g in Granularity]


@given(ENDING, MOMENTS)
def test_a_period_is_kept_for_its_retention_from_its_end(granularity: Granularity, moment: datetime) -> None:
    period = period_at(granularity, moment)
    kept = DEFAULT.duration(granularity)
    assert kept is not None
    last = bounds(period)[1] + kept

    assert DEFAULT.keeps(period, last - timedelta(microseconds=1))
    assert not DEFAULT.keeps(period, last)
    assert DEFAULT.period_expiry(period).expires_s == last.timestamp()


def test_all_time_has_neither_bounds_nor_an_end() -> None:
    period = period_at(Granularity.ALL, datetime(2026, 11, 21, tzinfo=UTC))

    assert (period.start, period.stop, DEFAULT.period_expiry(period).expires_s) == (None, None, 0)
    assert DEFAULT.keeps(period, datetime(9999, 1, 1, tzinfo=UTC))


def test_a_visit_is_written_to_every_period_that_still_lives() -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    late = expiry.periods_to_write(UTC_CALENDAR, DEFAULT, now - timedelta(days=3), now)

    assert [one.name for one in expiry.periods_to_write(UTC_CALENDAR, DEFAULT, now, now)] == [
        "2026-11-21T12",
        "2026-11-21",
        "2026-W47",
        "2026-11",
        "all",
    ]
    assert [one.name for one in late] == ["2026-11-18", "2026-W47", "2026-11", "all"]


def test_a_visit_more_than_five_minutes_ahead_is_refused() -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    assert expiry.periods_to_write(UTC_CALENDAR, DEFAULT, now + timedelta(minutes=5), now)
    with pytest.raises(InvalidInput, match=r"at is 2026-11-21T12:05:01\+00:00, more than 5 minutes ahead"):
        expiry.periods_to_write(UTC_CALENDAR, DEFAULT, now + timedelta(minutes=5, seconds=1), now)


def test_a_visit_before_the_retention_of_days_is_refused() -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    assert expiry.periods_to_write(UTC_CALENDAR, DEFAULT, now - timedelta(days=400), now)
    with pytest.raises(InvalidInput, match=r"the day 2025-10-16 is no longer kept: .* 400 days before"):
        expiry.periods_to_write(UTC_CALENDAR, DEFAULT, now - timedelta(days=401), now)


def test_a_question_past_the_retention_is_refused_and_names_the_bound(store: Store) -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    hour = period_at(Granularity.HOUR, now - timedelta(hours=49))

    with pytest.raises(InvalidInput, match=r"the hour 2026-11-19T11 .* 48 hours before 2026-11-21T12:00:00Z"):
        DEFAULT.check(hour, now, "at")
    with pytest.raises(InvalidInput, match="the hour 2026-11-19T11 is no longer kept"):
        counts.retained_period(
            site_on(store), Event("seen"), Granularity.HOUR, at=now - timedelta(hours=49), now=now
        )

"""Days, weeks and months of a site's zone: whatever its clocks do, every moment is in one of each."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from donebit.activity.periods.calendar import Calendar, Granularity, Period, bounds
from donebit.errors import InvalidInput

DAY = Granularity.DAY
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",  # half an hour beside the others
    "Pacific/Apia",  # skipped 2011-12-30
    "Africa/Cairo",  # midnights that do not exist
    "Asia/Beirut",
    "Australia/Lord_Howe",  # half an hour of summer time
    "America/Havana",  # midnights that come twice
    "America/St_Johns",  # until 2011 clocks went back from 00:01, into the day before
]
CALENDARS = st.sampled_from([Calendar(ZoneInfo(zone)) for zone in ZONES])
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))
GRAINS = (DAY, Granularity.WEEK, Granularity.MONTH)
OF_DAYS = st.sampled_from(GRAINS)


def calendar(zone: str) -> Calendar:
    return Calendar(ZoneInfo(zone))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@given(CALENDARS, OF_DAYS, MOMENTS)
@example(calendar("America/St_Johns"), DAY, utc("2010-11-07T03:00"))  # 23:30, for the second time
@example(calendar("Africa/Cairo"), DAY, utc("2023-04-27T22:00"))
@example(calendar("Pacific/Apia"), DAY, utc("2011-12-30T10:00"))
def test_a_moment_is_in_its_period_whose_neighbours_touch_it(
    there: Calendar, granularity: Granularity, moment: datetime
) -> None:
    period = there.period_at(granularity, moment)

    start, stop = bounds(period)
    assert start <= moment < stop
    assert bounds(there.before(period))[1] == start
    assert bounds(there.after(period))[0] == stop
    assert there.period_at(granularity, start) == period
    assert there.period_at(granularity, stop - timedelta(microseconds=1)) == period


@given(CALENDARS, st.sampled_from([Granularity.WEEK, Granularity.MONTH]), MOMENTS)
@example(calendar("Pacific/Apia"), Granularity.WEEK, utc("2011-12-29T00:00"))
def test_weeks_and_months_are_made_of_whole_days(
    there: Calendar, granularity: Granularity, moment: datetime
) -> None:
    period = there.period_at(granularity, moment)
    start, stop = bounds(period)

    days = list(there.between(DAY, start, stop))

    assert (bounds(days[0])[0], bounds(days[-1])[1]) == (start, stop)
    assert all(bounds(one)[1] == bounds(other)[0] for one, other in pairwise(days))
    assert {there.period_at(granularity, bounds(day)[0]) for day in days} == {period}


@given(CALENDARS, OF_DAYS, MOMENTS)
def test_a_period_is_found_again_by_its_name(
    there: Calendar, granularity: Granularity, moment: datetime
) -> None:
    period = there.period_at(granularity, moment)

    assert there.named(period.name, "period") == period


@given(CALENDARS, MOMENTS)
def test_a_bare_date_is_that_day_of_the_site(there: Calendar, moment: datetime) -> None:
    day = there.period_at(DAY, moment)

    assert there.moment(day.name) == bounds(day)[0]
    assert there.period_at(DAY, there.moment(day.name)) == day


def stepped(there: Calendar, granularity: Granularity, start: datetime, stop: datetime) -> list[Period]:
    """The plain way through a stretch of time: from each period to the next."""
    found = [there.period_at(granularity, start)]
    while bounds(found[-1])[1] < stop:
        found.append(there.after(found[-1]))
    return found


@given(CALENDARS, st.sampled_from([one for one in Granularity if one is not Granularity.ALL]), MOMENTS)
@example(calendar("Pacific/Apia"), DAY, utc("2011-12-28T00:00"))
def test_all_periods_between_two_moments_are_those_that_follow_one_another(
    there: Calendar, granularity: Granularity, moment: datetime
) -> None:
    stop = moment + timedelta(days=7, microseconds=1)

    assert list(there.between(granularity, moment, stop)) == stepped(there, granularity, moment, stop)


@pytest.mark.parametrize(
    ("zone", "day", "hours", "start"),
    [
        ("UTC", "2026-03-29", 24, "2026-03-29T00:00"),
        ("Europe/Berlin", "2026-03-29", 23, "2026-03-28T23:00"),
        ("Europe/Berlin", "2026-10-25", 25, "2026-10-24T22:00"),
        ("America/New_York", "2026-03-08", 23, "2026-03-08T05:00"),
        ("America/New_York", "2026-11-01", 25, "2026-11-01T04:00"),
        ("Asia/Kolkata", "2026-03-29", 24, "2026-03-28T18:30"),
        ("Pacific/Apia", "2011-12-29", 24, "2011-12-29T10:00"),
        ("Pacific/Apia", "2011-12-30", 0, "2011-12-30T10:00"),
        ("Pacific/Apia", "2011-12-31", 24, "2011-12-30T10:00"),
        ("Africa/Cairo", "2023-04-28", 23, "2023-04-27T22:00"),
        ("Asia/Beirut", "2024-03-31", 23, "2024-03-30T22:00"),
        ("Australia/Lord_Howe", "2026-10-04", 23.5, "2026-10-03T13:30"),
        ("Australia/Lord_Howe", "2026-04-05", 24.5, "2026-04-04T13:00"),
        ("America/Havana", "2024-11-03", 25, "2024-11-03T04:00"),
        ("America/St_Johns", "2010-11-07", 25, "2010-11-07T02:30"),
    ],
)
def test_a_day_begins_and_lasts_as_its_clocks_say(zone: str, day: str, hours: float, start: str) -> None:
    there = calendar(zone)

    found = there.named(day, "period")

    assert bounds(found) == (utc(start), utc(start) + timedelta(hours=hours))
    assert there.midnight(date.fromisoformat(day)) == utc(start)


@pytest.mark.parametrize(
    ("zone", "moment", "day", "week", "month"),
    [
        ("Europe/Berlin", "2026-03-28T22:59:59", "2026-03-28", "2026-W13", "2026-03"),
        ("Europe/Berlin", "2026-03-28T23:00:00", "2026-03-29", "2026-W13", "2026-03"),
        ("Europe/Berlin", "2026-03-29T21:59:59", "2026-03-29", "2026-W13", "2026-03"),
        ("Europe/Berlin", "2026-03-29T22:00:00", "2026-03-30", "2026-W14", "2026-03"),
        ("Europe/Berlin", "2026-12-31T23:00:00", "2027-01-01", "2026-W53", "2027-01"),
        ("America/New_York", "2027-01-01T04:59:59", "2026-12-31", "2026-W53", "2026-12"),
        ("Asia/Kolkata", "2028-02-29T18:29:59", "2028-02-29", "2028-W09", "2028-02"),
        ("Asia/Kolkata", "2028-02-29T18:30:00", "2028-03-01", "2028-W09", "2028-03"),
        ("America/St_Johns", "2010-11-07T02:31:00", "2010-11-07", "2010-W44", "2010-11"),  # 23:01 again
    ],
)
def test_a_moment_is_of_the_day_week_and_month_that_the_sites_clocks_show(
    zone: str, moment: str, day: str, week: str, month: str
) -> None:
    there = calendar(zone)

    found = [there.period_at(granularity, utc(moment)).name for granularity in GRAINS]

    assert found == [day, week, month]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Kiritimati"])
@pytest.mark.parametrize("text", ["0001-01-01", "0001-01-01T00:00:00+05:00", "9999-12-31T23:00:00-05:00"])
def test_a_moment_at_the_ends_of_the_calendar_is_refused(zone: str, text: str) -> None:
    there = calendar(zone)

    with pytest.raises(InvalidInput, match=r"(at|to) is in the year (1|9999); it must be 1900 to 9000"):
        there.period_at(DAY, there.moment(text, "to"))

"""Any from-to is covered by the fewest periods that are still kept, exactly."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import count as counted
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donebit.activity.periods import spans
from donebit.activity.periods.calendar import DAY, HOUR, Calendar, Granularity, Period
from donebit.activity.periods.expiry import AHEAD, DEFAULT, ExpiryPolicy
from donebit.errors import InvalidInput
from tests.activity.arranged import FAR

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
LONG = ExpiryPolicy(FAR, FAR, FAR, FAR)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "America/Santiago"]
# Around the borders of years and ISO weeks, a leap day, and the days that are 23 and 25 hours long.
DAYS = st.sampled_from(
    [
        *(date(2024, 12, 30), date(2027, 1, 3), date(2028, 2, 29), date(2026, 3, 29), date(2026, 10, 25)),
        *(date(2026, 11, 1), date(2026, 3, 8), date(2026, 11, 20)),
    ]
)
FIRSTS = st.builds(lambda day, days: day + days * DAY, DAYS, st.integers(-40, 10))


def calendar_of(zone: str) -> Calendar:
    return Calendar(ZoneInfo(zone))


def named(
    start: str, stop: str, *, zone: str = "UTC", kept: ExpiryPolicy = DEFAULT, now: datetime = NOW
) -> list[str]:
    calendar = calendar_of(zone)
    span = spans.between(calendar, kept, calendar.moment(start), calendar.moment(stop), now=now)
    return [period.name for period in span.periods]


def moments(periods: tuple[Period, ...]) -> set[datetime]:
    """Every half hour in the periods: the day of none of these zones begins elsewhere."""
    found = set()
    for period in periods:
        assert period.start is not None
        assert period.stop is not None
        found |= {period.start + n * HALF for n in range((period.stop - period.start) // HALF)}
    return found


HALF = timedelta(minutes=30)


def fewest(calendar: Calendar, start: datetime, stop: datetime) -> int:
    """By trying all ways, a period more each time."""
    reached = {start}
    for steps in counted(1):
        further = set()
        for moment in reached:
            for granularity in (Granularity.HOUR, Granularity.DAY, Granularity.WEEK, Granularity.MONTH):
                period = calendar.period_at(granularity, moment)
                assert period.start is not None
                assert period.stop is not None
                if start <= period.start and period.stop <= stop:
                    further.add(period.stop)
        if stop in further:
            return steps
        reached |= further
    raise AssertionError


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(ZONES), FIRSTS, st.integers(1, 70))
def test_days_are_covered_exactly_and_by_as_few_as_can_be(zone: str, first: date, days: int) -> None:
    calendar = calendar_of(zone)
    start, stop = calendar.midnight(first), calendar.midnight(first + days * DAY)

    span = spans.between(calendar, LONG, start, stop, now=datetime(2040, 1, 1, tzinfo=UTC))

    whole = Period(Granularity.DAY, "", start, stop)
    assert moments(span.periods) == moments((whole,))
    assert len(span.periods) == fewest(calendar, start, stop)
    assert (span.start, span.stop) == (start, stop)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(ZONES), FIRSTS, st.integers(-30, 30), st.integers(1, 100))
def test_whole_hours_are_covered_exactly(zone: str, first: date, hours: int, long: int) -> None:
    calendar = calendar_of(zone)
    start = datetime.combine(first, datetime.min.time(), UTC) + hours * HOUR
    stop = start + long * HOUR

    span = spans.between(calendar, LONG, start, stop, now=datetime(2040, 1, 1, tzinfo=UTC))

    assert moments(span.periods) == moments((Period(Granularity.HOUR, "", start, stop),))


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(ZONES), st.integers(0, 800), st.integers(1, 800))
def test_a_span_reads_kept_periods_and_beyond_its_end_only_future_ones(
    zone: str, ago: int, days: int
) -> None:
    calendar = calendar_of(zone)
    first = calendar.day_of(NOW) - ago * DAY
    start, stop = calendar.midnight(first), calendar.midnight(first + days * DAY)

    try:
        periods = spans.between(calendar, DEFAULT, start, stop, now=NOW).periods
    except InvalidInput:
        assert ago > 400
        return

    assert all(DEFAULT.keeps(period, NOW) for period in periods)
    beyond = {moment for moment in moments(periods) if moment >= stop}
    assert not beyond or stop >= NOW + 2 * AHEAD
    assert moments(periods) - beyond == moments((Period(Granularity.DAY, "", start, stop),))


def test_400_days_are_seventeen_bitmaps() -> None:
    assert len(named("2025-10-18", "2026-11-22")) == 17


@pytest.mark.parametrize(
    ("start", "stop", "zone", "names"),
    [
        ("2026-06-01", "2026-07-06", "UTC", ["2026-06", "2026-W27"]),
        ("2026-11-20T03", "2026-11-20T05", "UTC", ["2026-11-20T03", "2026-11-20T04"]),
        (
            "2026-11-19T22",
            "2026-11-21T01",
            "UTC",
            ["2026-11-19T22", "2026-11-19T23", "2026-11-20", "2026-11-21T00"],
        ),
        ("2026-11-19T22:00Z", "2026-11-20T23:00Z", "Europe/Berlin", ["2026-11-19T22", "2026-11-20"]),
        ("2026-11-20", "2026-11-21", "Asia/Kolkata", ["2026-11-20"]),
        ("2026-11-20T03", "2026-11-20T05", "Asia/Kolkata", ["2026-11-20T03", "2026-11-20T04"]),
        ("2026-10-25", "2026-10-26", "Europe/Berlin", ["2026-10-25"]),  # 25 hours
        ("2026-11-16", "2026-11-22", "UTC", ["2026-W47"]),  # the rest of the week is ahead of everybody
    ],
)
def test_a_span_is_made_of_these(start: str, stop: str, zone: str, names: list[str]) -> None:
    assert named(start, stop, zone=zone) == names


@pytest.mark.parametrize("minutes", [9, 10])
def test_an_end_that_a_fast_clock_can_have_reached_bounds_the_span(minutes: int) -> None:
    now = datetime(2026, 11, 21, 23, 60 - minutes, tzinfo=UTC)

    assert len(named("2026-11-16", "2026-11-22", now=now)) == (1 if minutes == 10 else 6)


@pytest.mark.parametrize(
    ("start", "stop", "zone", "why"),
    [
        ("2026-11-21", "2026-11-21", "UTC", "to is 2026-11-21T00:00:00Z; it must be after from"),
        ("2026-11-22", "2026-11-21", "UTC", "it must be after from, which is 2026-11-22T00:00:00Z"),
        ("2000-01-01", "2026-11-21", "UTC", "from to to is 9821 days; at most 8000"),
        (
            "2026-11-20T03:30",
            "2026-11-21",
            "UTC",
            "from is 2026-11-20T03:30:00Z; both ends must be days of UTC",
        ),
        (
            "2026-11-20",
            "2026-11-21T03",
            "Asia/Kolkata",
            "from is 2026-11-19T18:30:00Z; both ends must be days",
        ),
        ("2026-11-01T01", "2026-11-21T03", "Asia/Kolkata", "482 hours would be read one by one, at most 256"),
        (
            "2025-10-01",
            "2025-10-20",
            "UTC",
            "from is 2025-10-01, .* days from 2025-10-17, weeks from 2024-07-29",
        ),
        (
            "2026-11-18T03",
            "2026-11-21",
            "UTC",
            "the hour 2026-11-18T03 is no longer kept: .* 48 hours before",
        ),
        ("1800-01-01", "1800-01-02", "UTC", "from is in the year 1800; it must be 1900 to 9000"),
    ],
)
def test_a_span_that_is_none_or_no_longer_kept_is_refused_with_the_bound(
    start: str, stop: str, zone: str, why: str
) -> None:
    with pytest.raises(InvalidInput, match=why):
        named(start, stop, zone=zone)

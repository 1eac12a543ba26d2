"""When a cron expression fires, over the changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donebit.errors import InvalidInput
from donebit.schedules.timing import Timing, checked

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = [
    BERLIN,
    NEW_YORK,
    "UTC",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "America/Santiago",
    "America/Havana",
]


def on_day(cron: str, zone: str, day: str) -> list[str]:
    """The firings of a local day, as its clock shows them, with their offsets."""
    begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    end = begin + timedelta(days=1) - timedelta(microseconds=1)
    found = Timing(cron, zone).between(begin.astimezone(UTC) - timedelta(microseconds=1), end.astimezone(UTC))
    return [one.astimezone(ZoneInfo(zone)).strftime("%H:%M%z") for one in found]


@pytest.mark.parametrize(
    ("cron", "zone", "day", "expected"),
    [
        ("30 2 * * *", BERLIN, "2026-03-29", ["03:00+0200"]),
        ("30 2 * * *", BERLIN, "2026-10-25", ["02:30+0200"]),
        ("30 2 * * *", NEW_YORK, "2026-03-08", ["03:00-0400"]),
        ("30 1 * * *", NEW_YORK, "2026-11-01", ["01:30-0400"]),
        ("0,30 2 * * *", BERLIN, "2026-03-29", ["03:00+0200"]),
        ("0 2,3 * * *", BERLIN, "2026-03-29", ["03:00+0200"]),
        ("0 1-3 * * *", BERLIN, "2026-10-25", ["01:00+0200", "02:00+0200", "03:00+0100"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-04", ["02:30+1100"]),
        ("30 0 * * *", "America/Havana", "2026-11-01", ["00:30-0400"]),
        ("0 0 * * *", "America/Santiago", "2026-09-06", ["01:00-0300"]),
    ],
)
def test_a_fixed_time_fires_once_on_a_day_of_a_change(
    cron: str, zone: str, day: str, expected: list[str]
) -> None:
    assert on_day(cron, zone, day) == expected


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (BERLIN, "2026-03-29", 23),
        (BERLIN, "2026-10-25", 25),
        (NEW_YORK, "2026-03-08", 23),
        (NEW_YORK, "2026-11-01", 25),
    ],
)
def test_every_five_minutes_fires_in_both_repeated_hours(zone: str, day: str, hours: int) -> None:
    found = on_day("*/5 * * * *", zone, day)

    assert len(found) == hours * 12
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("zone", "moment"),  # of a change of the clock
    [
        ("Australia/Lord_Howe", "2026-04-04T15:00"),  # by half an hour
        ("Australia/Lord_Howe", "2026-10-03T15:30"),
        ("Pacific/Chatham", "2026-04-04T14:00"),  # at 03:45
        ("Pacific/Chatham", "2026-09-26T14:00"),
        ("Antarctica/Troll", "2026-03-29T01:00"),  # by two hours
        ("Antarctica/Troll", "2026-10-25T01:00"),
        ("Africa/Cairo", "2026-10-29T21:00"),  # at midnight
        ("America/Santiago", "2026-09-06T04:00"),
        (BERLIN, "2026-10-25T01:00"),
    ],
)
@pytest.mark.parametrize("minutes", ["*", "*/7", "30"])
@pytest.mark.parametrize("hours", ["*", "*/2", "0", "2", "1-3"])
def test_what_begins_with_a_star_fires_whenever_the_clock_shows_it(
    zone: str, moment: str, minutes: str, hours: str
) -> None:
    cron = f"{minutes} {hours} * * *" if "*" in minutes + hours else f"*/1 {hours} * * *"
    change = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    begin, end = change - timedelta(hours=25), change + timedelta(hours=25)
    moments = (begin + timedelta(minutes=past) for past in range(1, 50 * 60 + 1))

    expected = [one for one in moments if fires_as_shown(cron, one.astimezone(ZoneInfo(zone)))]

    assert list(Timing(cron, zone).between(begin, end)) == expected


def fires_as_shown(cron: str, shown: datetime) -> bool:
    """Whether the minutes and hours of an expression have what a clock shows."""
    minutes, hours = cron.split()[:2]
    return fits(minutes, shown.minute) and fits(hours, shown.hour)


def fits(field: str, shown: int) -> bool:
    if field.startswith("*"):
        return shown % int(field.partition("/")[2] or 1) == 0
    first, _, last = field.partition("-")
    return int(first) <= shown <= int(last or first)


def test_a_fixed_time_fires_no_more_in_the_repeated_hour() -> None:
    in_second_hour = datetime(2026, 10, 25, 1, 5, tzinfo=UTC)  # 02:05 for the second time

    following = Timing("30 2 * * *", BERLIN).after(in_second_hour)

    assert following == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "alone"),
    [
        ("17-17/3 4 * * *", "17 4 * * *"),
        ("0 0-0/6 * * *", "0 0 * * *"),
        ("0 4,07-7/2 * * *", "0 4,7 * * *"),
        ("0 0 * jan-JAN/3 mon-MON/2", "0 0 * 1 1"),
    ],
)
def test_a_range_of_one_value_with_a_step_is_that_value(cron: str, alone: str) -> None:
    found, expected = (islice(Timing(one, BERLIN).all_after(NOW), 20) for one in (cron, alone))

    assert list(found) == list(expected)


CRONS = ["30 2 * * *", "*/5 * * * *", "0 * * * *", "17 1-3 * * *", "@daily", "0 0 29 2 *", "*/20 2 * * SUN"]


@given(
    st.sampled_from(CRONS),
    st.sampled_from(ZONES),
    st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
)
@settings(deadline=None)
def test_from_any_moment_the_same_firings_follow(cron: str, zone: str, moment: datetime) -> None:
    timing = Timing(cron, zone)

    first, second, third = islice(timing.all_after(moment), 3)

    assert moment < first < second < third
    assert timing.after(first - timedelta(microseconds=1)) == first
    assert timing.after(first) == second
    assert timing.after(second - timedelta(seconds=1)) == second
    assert timing.last(moment, second) == second
    assert timing.last(moment, third - timedelta(microseconds=1)) == second


@pytest.mark.parametrize(
    ("cron", "zone", "field"),
    [
        ("* * * *", "UTC", "cron"),
        ("0 * * * * *", "UTC", "cron"),
        ("60 * * * *", "UTC", "cron"),
        ("0 0 31 4 *", "UTC", "cron"),
        ("5-5/0 * * * *", "UTC", "cron"),
        ("", "UTC", "cron"),
        ("@often", "UTC", "cron"),
        ("0 0 * * *" + " " * 200, "UTC", "cron"),
        ("0 0 * * *", "Europe/Atlantis", "zone"),
        ("0 0 * * *", "localtime", "zone"),
        ("0 0 * * *", "../../etc/passwd", "zone"),
    ],
)
def test_what_never_fires_or_cannot_be_read_is_refused(cron: str, zone: str, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked(cron, zone, NOW)

    assert refused.value.field == field


def test_names_stand_for_five_fields() -> None:
    timing = checked("@daily", BERLIN, NOW)

    assert timing.after(NOW) == datetime(2026, 1, 1, 23, tzinfo=UTC)

"""One reader of times for every door: each spelling is one moment, and no other is made up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donebit.clock import EPOCH
from donebit.moments import TimeUnit, read_number, read_text

NOON = datetime(2026, 11, 20, 12, 30, 15, tzinfo=UTC)
SPELLED = [
    "2026-11-20T12:30:15Z",
    "2026-11-20T12:30:15",
    "2026-11-20t12:30:15z",
    "2026-11-20 12:30:15",
    "2026-11-20 12:30:15 UTC",
    "2026-11-20 12:30:15 +0000",
    "2026-11-20T12:30:15+00",
    "2026-11-20T12:30:15+0000",
    "2026-11-20T12:30:15-00:00",
    "2026-11-20T14:30:15+02",
    "2026-11-20T18:00:15+05:30",
    "2026-11-20T07:30:15-0500",
    "20261120T123015Z",
    "20261120T123015,000+00",
    "2026-W47-5T12:30:15Z",
    "2026W475T123015Z",
    "2026-11-20T12:30:15.000000000Z",
]


@pytest.mark.parametrize("text", SPELLED)
def test_every_spelling_of_a_moment_is_that_moment(text: str) -> None:
    assert read_text(text) == NOON


@pytest.mark.parametrize("text", ["2026-11-20", "20261120", "2026-W47-5", "2026W475"])
def test_a_day_alone_is_a_date(text: str) -> None:
    found = read_text(text)

    assert found == date(2026, 11, 20)
    assert not isinstance(found, datetime)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20T03Z", datetime(2026, 11, 20, 3, tzinfo=UTC)),
        ("2026-11-20T03:04", datetime(2026, 11, 20, 3, 4, tzinfo=UTC)),
        ("2026-11-20T03:04:05.123456789Z", datetime(2026, 11, 20, 3, 4, 5, 123456, tzinfo=UTC)),
        ("2026-11-20T03:04:05,5Z", datetime(2026, 11, 20, 3, 4, 5, 500000, tzinfo=UTC)),
        (f"2026-11-20T03:04:05.5{'0' * 5000}Z", datetime(2026, 11, 20, 3, 4, 5, 500000, tzinfo=UTC)),
        (f"2026-11-20 24:00:00.{'0' * 5000}Z", datetime(2026, 11, 21, tzinfo=UTC)),
        ("20261120 030405.1234567", datetime(2026, 11, 20, 3, 4, 5, 123456, tzinfo=UTC)),
        ("2026-11-20T24:00:00Z", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11-20T24", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-12-31T24:00+01:00", datetime(2026, 12, 31, 23, tzinfo=UTC)),
        ("2026-12-31T23:59:60Z", datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("2027-01-01T05:29:60.5+05:30", datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("2024-02-29T00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_the_rarer_times_of_iso_8601_are_read(text: str, moment: datetime) -> None:
    assert read_text(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "noon",
        "2026",
        "2026-11",
        "2026-W47",  # a week, and which of its days is not said
        "2026-1120",
        "2026-11-20T03.5",  # half past three, to ISO 8601; read as half a second it would be wrong
        "2026-11-20T03.5Z",
        "2026-11-20T03:04.5",
        "2026-11-20T03:04,5+01:00",
        "2026-11-20T03:04:05.Z",
        "2026-11-20T03:04:05.+01:00",
        "2026-11-20T03:04:05+00:00:00",
        "2026-11-20T03:04:05+01:00:00",
        "2026-02-30",
        "20260230",
        "2026-W54-1",
        "2026-W00-1",
        "2026-13-01T00:00Z",
        "2026-11-20T25:00Z",
        "2026-11-20T24:00:01Z",
        "2026-11-20T24:00:00.0000000001Z",
        "2026-11-20T12:60Z",
        "2026-11-20T12:30:60Z",
        "2026-11-20T23:59:61Z",
        "2026-11-20T23:59:60+01:00",
        "2026-11-20T12:30+24:00",
        "2026-11-20T12:30+01:60",
        "2026-11-20T",
        "2026-11-20T12:3",
        "2026-11-20T12:30:15 00:00",  # a + that was not escaped in an address
        "2026-11-20T12:30:15Z\n",
        "2026-11-20\n",
        " 2026-11-20",
        "٢٠٢٦-11-20",
        "1763642715",
    ],
)
def test_a_time_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        read_text(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00+05:00", "9999-12-31T23:59-05:00", "9999-12-31T24:00"])
def test_a_time_beyond_the_calendar_overflows(text: str) -> None:
    with pytest.raises(OverflowError):
        read_text(text)


@given(
    st.datetimes(datetime(1900, 1, 2), datetime(2200, 1, 1)),
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_what_python_writes_is_read_as_it_was_in_either_form(moment: datetime, zone: timezone) -> None:
    there = moment.replace(tzinfo=zone)

    assert read_text(there.isoformat()) == there
    assert read_text(there.isoformat(" ").replace(".", ",")) == there
    assert read_text(f"{there:%Y%m%dT%H%M%S.%f%z}") == there


@pytest.mark.parametrize(
    ("number", "unit"),
    [
        (1795177815, "s"),
        ("1795177815", "s"),
        ("1795177815.000", "s"),
        (1795177815.0, "s"),
        (1795177815000, "ms"),
        ("1795177815000000", "us"),
        (1795177815000000, "us"),
        (1795177815000000999, "ns"),
    ],
)
def test_a_number_counts_units_since_1970(number: object, unit: str) -> None:
    assert read_number(number, TimeUnit(unit)) == datetime(2026, 11, 20, 12, 30, 15, tzinfo=UTC)


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))
)
def test_microseconds_are_kept_exactly(moment: datetime) -> None:
    micro = (moment - EPOCH) // timedelta(microseconds=1)

    assert read_number(micro, TimeUnit.MICROSECONDS) == moment
    assert read_number(f"{micro * 1000}", TimeUnit.NANOSECONDS) == moment


@pytest.mark.parametrize(
    "number", ["", "noon", "1e9", "0x1", "1_000", " 1", "1.", None, True, [1], float("nan")]
)
def test_what_is_no_number_is_refused(number: object) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        read_number(number, TimeUnit.SECONDS)


@pytest.mark.parametrize(
    ("number", "unit"), [(10**15, "s"), (10**30, "ns"), (1795177815000, "s"), (1e300, "ms")]
)
def test_a_number_beyond_the_calendar_overflows(number: float, unit: str) -> None:
    with pytest.raises(OverflowError):
        read_number(number, TimeUnit(unit))

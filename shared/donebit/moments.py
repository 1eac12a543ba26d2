"""Reads times as people and programs write them: ISO 8601 in its usual spellings, or numbers since 1970."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum

from donebit.clock import EPOCH

DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}|[0-9]{4}-W[0-9]{2}-[1-7]|[0-9]{4}W[0-9]{2}[1-7]"
FRACTION = r"(?:[.,][0-9]+)?"
TIME = rf"[0-9]{{2}}(?::[0-9]{{2}}(?::[0-9]{{2}}{FRACTION})?|[0-9]{{2}}(?:[0-9]{{2}}{FRACTION})?)?"
OFFSET = r" ?(?:[Zz]|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)"
PATTERN = rf"^({DAY})(?:[Tt ]({TIME})({OFFSET})?)?$"
SHAPE = re.compile(PATTERN)
# Python reads much more than these, and 03.5 as half a second past three.
USUAL = re.compile(r"[0-9-]{10}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.][0-9]+)?(?:Z|[+-][0-9]{2}:[0-5][0-9])?")
NUMBER_PATTERN = r"-?[0-9]{1,20}(?:[.][0-9]{1,20})?"
NUMBER = re.compile(NUMBER_PATTERN)


class TimeUnit(StrEnum):
    """What a number counts since 1970-01-01T00:00:00Z."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"

    @property
    def microseconds(self) -> Decimal:
        return {"s": Decimal(10**6), "ms": Decimal(1000), "us": Decimal(1), "ns": Decimal("0.001")}[self]


def read_text(text: str) -> date | datetime:
    """Read a time in ISO 8601.

    Takes the extended and the basic form (`2026-11-20`, `20261120`), week dates (`2026-W47-5`), a space or
    `t` in place of `T`, a comma in place of the point, `z`, ` UTC`, `+01`, `+0100` and `+01:00`. What is
    finer than a microsecond is cut off. 24:00 is the next midnight, and a leap second lies in the minute that
    it ends.

    Args:
        text: The time; without an offset it is UTC.

    Returns:
        A date for a day alone, which begins when it does in the site's zone; else the moment, in UTC.

    Raises:
        ValueError: The text is no time, or none that exists.
        OverflowError: It is outside the years 1 to 9999 of UTC.
    """
    if USUAL.fullmatch(text):  # in C: a file may have a hundred million of them
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            pass  # one of the other spellings, or wrong
        else:
            if moment.tzinfo is UTC:
                return moment
            if moment.tzinfo is None:
                return moment.replace(tzinfo=UTC)
            return moment.astimezone(UTC)
    try:
        return _matched(SHAPE.fullmatch(text))
    except ValueError:
        raise ValueError(f"{text!r} is not a time") from None


def read_number(number: object, unit: TimeUnit) -> datetime:
    """Read a number of units since 1970, as a number or as a text of digits with or without a fraction.

    Raises:
        ValueError: It is no number.
        OverflowError: It is outside the years 1 to 9999.
    """
    if isinstance(number, bool) or not isinstance(number, int | float | str):
        raise ValueError(f"{number!r} is not a number")
    if isinstance(number, str) and not NUMBER.fullmatch(number):
        raise ValueError(f"{number!r} is not a number")
    exact = Decimal(str(number)) * unit.microseconds
    if not exact.is_finite():
        raise ValueError(f"{number!r} is not a number")
    if abs(exact) > 10**18:  # years 1 to 9999 are less; a timedelta of more would not be made
        raise OverflowError(f"{number!r} is too far from 1970")
    return EPOCH + timedelta(microseconds=int(exact))


def _matched(match: re.Match[str] | None) -> date | datetime:
    if match is None:
        raise ValueError
    day = date.fromisoformat(match[1])
    return day if match[2] is None else _moment(day, match[2], match[3] or "Z")


def _moment(day: date, time: str, offset: str) -> datetime:
    whole, _, fraction = time.replace(":", "").replace(",", ".").partition(".")
    hour, minute, second = (int(whole[place : place + 2] or 0) for place in (0, 2, 4))
    micro = int(fraction[:6].ljust(6, "0"))
    is_leap_second = second == 60
    if is_leap_second:
        second, micro = 59, 999_999  # Python's clock has none; it belongs to the day that it ends
    if hour == 24:
        if minute or second or fraction.strip("0"):
            raise ValueError(f"{time} is after the end of the day")
        day, hour = day + timedelta(days=1), 0
    zone = _zone(offset.strip())
    moment = datetime(day.year, day.month, day.day, hour, minute, second, micro, zone).astimezone(UTC)
    if is_leap_second and (moment.hour, moment.minute) != (23, 59):
        raise ValueError(f"{time} is no leap second: they end days of UTC")
    return moment


def _zone(offset: str) -> timezone:
    if offset in {"Z", "z", "UTC"}:
        return UTC
    digits = offset[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 23 or minutes > 59:
        raise ValueError(f"{offset} is no offset")
    ahead = timedelta(hours=hours, minutes=minutes)
    return timezone(-ahead if offset[0] == "-" else ahead)

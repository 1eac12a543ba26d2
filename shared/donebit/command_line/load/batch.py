"""Batches of visits, grouped by event and hour so that few requests are needed."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo

from donebit import moments
from donebit.command_line.load.reading import Row
from donebit.command_line.load.users import TEXTS, BadValue, KindOfUsers, Users, quoted
from donebit.moments import TimeUnit

AHEAD = timedelta(minutes=5)  # as distinct_app allows; checked here for every line
FIRST_TO_BEGIN = timezone(timedelta(hours=14))  # where a day begins before it does anywhere else
TIME_RULE = "a time such as 2026-11-21T03:04:05Z; --time-unit reads numbers since 1970"
MOST_IDS, MOST_TEXTS = 1_000_000, 50_000  # per request; so many texts are at most 40 MB, usually 2


@dataclass(slots=True)
class Group:
    """Visits of one event in one hour, or on one day of which the hour is not known."""

    event: str
    at: date | datetime  # a date is a day of the site's zone
    first_line: int
    kind: str  # integers, mapped or texts
    users: Users

    def parts(self) -> Iterator[Users]:
        """Yield the users in parts that fit one request."""
        most = MOST_TEXTS if isinstance(self.users, list) else MOST_IDS
        for first in range(0, len(self.users), most):
            yield self.users[first : first + most]


def latest_now() -> datetime:
    return datetime.now(UTC) + AHEAD


@dataclass
class LoadContext:
    """What holds for a whole file: how its users and times are read."""

    users: KindOfUsers
    unit: TimeUnit | None = None  # what times count since 1970; None for times in ISO 8601
    zone: ZoneInfo | None = None  # in which days begin; None where it is not known
    names: Mapping[str, str] = field(default_factory=dict)  # of events, by what the file calls them
    latest: datetime = field(default_factory=latest_now)

    def moment(self, at: object) -> date | datetime:
        """Return the time in UTC, or the day alone: distinct_app knows when it begins in the site's zone.

        Raises:
            BadValue: The value is not a time, or it is too far ahead.
        """
        try:
            found = moments.read_number(at, self.unit) if self.unit else moments.read_text(_checked_text(at))
        except OverflowError:
            raise BadValue(f"at is {quoted(at)}, which is out of range in UTC") from None
        except ValueError:
            rule = f"a number, as --time-unit {self.unit} says" if self.unit else TIME_RULE
            raise BadValue(f"at is {quoted(at)}; it must be {rule}") from None
        earliest = found if isinstance(found, datetime) else earliest_midnight(found)
        if earliest > self.latest and earliest > self.look_at_clock():
            raise BadValue(f"at is {quoted(at)}, which is more than 5 minutes ahead")
        return found

    def look_at_clock(self) -> datetime:
        """Return the latest time that a visit may have by now: a load may last for hours."""
        self.latest = latest_now()
        return self.latest

    def has_whole_hours(self, moment: date | datetime) -> bool:
        """Whether no day begins within an hour, in the month that a moment is in."""
        return begin_at_hours(self.zone, moment.year, moment.month)

    def floor(self, moment: date | datetime) -> date | datetime:
        """Return the start of the hour, or of the quarter where days begin within hours; a day as it is."""
        if not isinstance(moment, datetime):
            return moment
        minute = 0 if self.has_whole_hours(moment) else moment.minute // 15 * 15
        return moment.replace(minute=minute, second=0, microsecond=0)


class PendingBatch:
    """Visits that are read and not sent yet."""

    def __init__(self, context: LoadContext) -> None:
        self._context = context
        self._as_text = context.unit is None
        self._users = context.users
        self._groups: dict[tuple[object, object], Group] = {}
        self.visits = 0

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups.values())

    def add(self, row: Row, line: int) -> None:
        """Add a visit. Raises BadValue for a row that is not one, and adds nothing."""
        event, user, at, ids = row
        if self._context.names and isinstance(event, str):
            event = self._context.names.get(event, event)
        moment = self._context.moment(at)
        # The first 13 characters of 2026-11-21T03:04:05Z are its hour, and cheaper than any arithmetic.
        plain = self._as_text and at[-1] == "Z" and at[10] == "T"  # type: ignore[index]  # it is a text here
        key = event, at[:13] if plain else self._context.floor(moment)  # type: ignore[index]  # as above
        group = self._groups.get(key) if isinstance(event, str) else None
        if group is None and plain and isinstance(event, str) and not self._context.has_whole_hours(moment):
            key = event, self._context.floor(moment)
            group = self._groups.get(key)
        if group is None:
            self._groups[key] = self._new_group((event, user, at, ids), moment, line)
        else:
            if ids is not None:
                self._users.check(group.event, ids)
            self._append(group.users, user)
        self.visits += 1

    def _append(self, users: Users, user: object) -> None:
        if isinstance(users, array):
            users.append(self._users.integer(user))
        else:
            users.append(self._users.text(user))

    def _new_group(self, row: Row, moment: date | datetime, line: int) -> Group:
        event, user, _, ids = row
        if not isinstance(event, str):
            raise BadValue(f"event is {quoted(event)}; it must be a text")
        known = self._users.known
        kind = known.get(event) or self._users.first(event, user, ids)
        users: Users = [] if kind == TEXTS else array("I")
        self._append(users, user)
        known[event] = kind  # only now: a line that is no visit decides nothing
        if ids is not None:
            self._users.check(event, ids)
        return Group(event, self._context.floor(moment), line, kind, users)


def _checked_text(at: object) -> str:
    if not isinstance(at, str):
        raise ValueError
    return at


@cache
def begin_at_hours(zone: ZoneInfo | None, year: int, month: int) -> bool:
    """Whether all days of a month begin at whole hours of UTC: some zones were half an hour off for years."""
    if zone is None:
        return False
    first = datetime(year, month, 1, tzinfo=zone)
    offsets = ((first + timedelta(days=day)).utcoffset() for day in range(32))
    return all(offset is not None and offset % timedelta(hours=1) == timedelta(0) for offset in offsets)


def earliest_midnight(day: date) -> datetime:
    """Return when a day begins at the earliest, in any zone."""
    try:
        return datetime.combine(day, time.min, FIRST_TO_BEGIN)
    except OverflowError:  # the year 1, which distinct_app refuses
        return datetime.combine(day, time.min, UTC)

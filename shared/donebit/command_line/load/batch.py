"""Batches of visits, grouped by event and hour so that few requests are needed."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone

from donebit import moments
from donebit.command_line.load.reading import Row
from donebit.errors import InvalidInput
from donebit.moments import TimeUnit
from donebit.names import checked_name

AHEAD = timedelta(minutes=5)  # as distinct_app allows; checked here for every line
FIRST_TO_BEGIN = timezone(timedelta(hours=14))  # where a day begins before it does anywhere else
TIME_RULE = "a time such as 2026-11-21T03:04:05Z; --time-unit reads numbers since 1970"
LONGEST_QUOTE = 120  # characters
LARGEST_ID, LONGEST_TEXT = 2**32 - 1, 200
MOST_IDS, MOST_TEXTS = 1_000_000, 50_000  # per request; so many texts are at most 40 MB, usually 2


class BadValue(ValueError):
    """A row is not a valid visit; the message says why."""


@dataclass(slots=True)
class Group:
    """Visits of one event in one hour, or on one day of which the hour is not known."""

    event: str
    at: date | datetime  # a date is a day of the site's zone
    first_line: int
    users: array[int] | list[str]

    def parts(self) -> Iterator[array[int] | list[str]]:
        """Yield the users in parts that fit one request."""
        most = MOST_TEXTS if isinstance(self.users, list) else MOST_IDS
        for first in range(0, len(self.users), most):
            yield self.users[first : first + most]


@dataclass
class LoadContext:
    """What holds for a whole file: how its users and times are read."""

    ids: str  # auto, integers or texts
    unit: TimeUnit | None = None  # what times count since 1970; None for times in ISO 8601
    grain_minutes: int = 60  # no period begins or ends within so many
    kinds: dict[str, str] = field(default_factory=dict)  # of each event so far: integers or texts
    latest: datetime = field(default_factory=lambda: datetime.now(UTC) + AHEAD)

    def kind_of(self, event: str, user: object) -> str:
        """Return integers or texts: what `ids` says, else the kind of the event's first user."""
        if event not in self.kinds:
            _check_event(event)
            is_text = isinstance(user, str) and (self.ids == "texts" or not _is_digits(user))
            self.kinds[event] = "texts" if is_text and self.ids != "integers" else "integers"
        return self.kinds[event]

    def moment(self, at: object) -> date | datetime:
        """Return the time in UTC, or the day alone: distinct_app knows when it begins in the site's zone.

        Raises:
            BadValue: The value is not a time, or it is too far ahead.
        """
        try:
            found = moments.read_number(at, self.unit) if self.unit else moments.read_text(at)  # type: ignore[arg-type]  # a TypeError is handled below
        except OverflowError:
            raise BadValue(f"at is {quoted(at)}, which is out of range in UTC") from None
        except (TypeError, ValueError):
            rule = f"a number, as --time-unit {self.unit} says" if self.unit else TIME_RULE
            raise BadValue(f"at is {quoted(at)}; it must be {rule}") from None
        earliest = found if isinstance(found, datetime) else earliest_midnight(found)
        if earliest > self.latest:
            raise BadValue(f"at is {quoted(at)}, which is more than 5 minutes ahead")
        return found

    def floor(self, moment: date | datetime) -> date | datetime:
        """Return the start of the hour, or of the shorter grain, that a moment is in; a day as it is."""
        if not isinstance(moment, datetime):
            return moment
        minute = moment.minute // self.grain_minutes * self.grain_minutes
        return moment.replace(minute=minute, second=0, microsecond=0)


class PendingBatch:
    """Visits that are read and not sent yet."""

    def __init__(self, context: LoadContext) -> None:
        self._context = context
        self._by_hour = context.grain_minutes == 60 and context.unit is None
        self._groups: dict[tuple[object, object], Group] = {}
        self.visits = 0

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups.values())

    def add(self, row: Row, line: int) -> None:
        """Add a visit. Raises BadValue for a row that is not one, and adds nothing."""
        event, user, at = row
        moment = self._context.moment(at)
        # The first 13 characters of 2026-11-21T03:04:05Z are its hour, and cheaper than any arithmetic.
        plain = self._by_hour and at[-1] == "Z" and at[10] == "T"  # type: ignore[index]  # it is a text here
        key = event, at[:13] if plain else self._context.floor(moment)  # type: ignore[index]  # as above
        group = self._groups.get(key) if isinstance(event, str) else None
        if group is None:
            self._groups[key] = self._new_group(event, user, moment, line)
        elif isinstance(group.users, array):
            group.users.append(_integer(user))
        else:
            group.users.append(_text(user))
        self.visits += 1

    def _new_group(self, event: object, user: object, moment: date | datetime, line: int) -> Group:
        if not isinstance(event, str):
            raise BadValue(f"event is {event!r}; it must be a text")
        is_number = self._context.kind_of(event, user) == "integers"
        users = array("I", [_integer(user)]) if is_number else [_text(user)]
        return Group(event, self._context.floor(moment), line, users)


def _check_event(event: str) -> None:
    try:
        checked_name(event, "event")
    except InvalidInput as error:
        raise BadValue(error.detail) from None


def _is_digits(text: str) -> bool:
    return text.isdigit() and text.isascii() and (text[0] != "0" or text == "0")


def _integer(user: object) -> int:
    if isinstance(user, str):
        if not _is_digits(user):
            raise BadValue(f"user is {user[:120]!r}, not an integer; --ids texts reads all users as texts")
        user = int(user) if len(user) <= len(str(LARGEST_ID)) else LARGEST_ID + 1
    elif type(user) is not int:  # a bool is an int too, but not a user
        raise BadValue(f"user is {user!r}; it must be an integer, like the first user of its event")
    if not 0 <= user <= LARGEST_ID:
        raise BadValue(f"user is not in 0 to {LARGEST_ID}; --ids texts reads all users as texts")
    return user


def _text(user: object) -> str:
    if not isinstance(user, str):
        raise BadValue(f"user is {user!r}; it must be a text, like the first user of its event")
    if not 1 <= len(user) <= LONGEST_TEXT:
        raise BadValue(f"user has {len(user)} characters; it must have 1 to {LONGEST_TEXT}")
    if not user.isascii():
        try:
            user.encode()
        except UnicodeEncodeError:
            raise BadValue(f"user is {user!r}, which is not UTF-8") from None
    return user


def earliest_midnight(day: date) -> datetime:
    """Return when a day begins at the earliest, in any zone."""
    try:
        return datetime.combine(day, time.min, FIRST_TO_BEGIN)
    except OverflowError:  # the year 1, which distinct_app refuses
        return datetime.combine(day, time.min, UTC)


def quoted(value: object) -> str:
    """Quote a refused value, cut where it is long."""
    return repr(value)[:LONGEST_QUOTE]

"""Visits that are sent together: grouped by event and hour, so that few requests are needed."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from donebit.command_line.load.reading import Row
from donebit.errors import InvalidInput
from donebit.names import checked_name

AHEAD = timedelta(minutes=5)  # as distinct_app allows; it is not asked about every line
LARGEST_ID, LONGEST_TEXT = 2**32 - 1, 200
MOST_IDS, MOST_TEXTS = 1_000_000, 50_000  # a request; that many texts are at most 40 MB, and mostly 2


class BadValue(ValueError):
    """A row that is no visit; the message says why."""


@dataclass(slots=True)
class Group:
    """Visits of one event in one hour."""

    event: str
    at: datetime
    first_line: int
    users: array[int] | list[str]

    def parts(self) -> Iterator[array[int] | list[str]]:
        """The users, as many at once as one request may hold."""
        most = MOST_TEXTS if isinstance(self.users, list) else MOST_IDS
        for first in range(0, len(self.users), most):
            yield self.users[first : first + most]


@dataclass
class Understanding:
    """What is known of the file, and stays the same for all of it."""

    ids: str  # auto, integers or texts
    grain_minutes: int = 60  # what no period's border lies within
    kinds: dict[str, str] = field(default_factory=dict)  # of each event that was met: integers or texts
    latest: datetime = field(default_factory=lambda: datetime.now(UTC) + AHEAD)

    def kind_of(self, event: str, user: object) -> str:
        """Of the event; its first user says which, unless it was said."""
        if event not in self.kinds:
            _check_event(event)
            is_text = isinstance(user, str) and (self.ids == "texts" or not _is_digits(user))
            self.kinds[event] = "texts" if is_text and self.ids != "integers" else "integers"
        return self.kinds[event]

    def moment(self, at: object) -> datetime:
        """The time in UTC."""
        try:
            moment = datetime.fromisoformat(at)  # type: ignore[arg-type]  # anything else is refused below
        except (TypeError, ValueError):
            raise BadValue(f"at is {at!r}; it must be a time such as 2026-11-21T03:04:05Z") from None
        if moment.tzinfo is not UTC:
            moment = _in_utc(moment)
        if moment > self.latest:
            raise BadValue(f"at is {at!r}, which is more than 5 minutes ahead")
        return moment

    def floor(self, moment: datetime) -> datetime:
        """The hour, or what is finer, that a moment lies in."""
        minute = moment.minute // self.grain_minutes * self.grain_minutes
        return moment.replace(minute=minute, second=0, microsecond=0)


class PendingBatch:
    """Visits that were read and not sent yet."""

    def __init__(self, understanding: Understanding) -> None:
        self._known = understanding
        self._whole_hours = understanding.grain_minutes == 60
        self._groups: dict[tuple[object, object], Group] = {}
        self.visits = 0

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups.values())

    def add(self, row: Row, line: int) -> None:
        """Raises BadValue for a row that is no visit; nothing is added then."""
        event, user, at = row
        moment = self._known.moment(at)
        # The first 13 characters of 2026-11-21T03:04:05Z are its hour, and cheaper than any arithmetic.
        plain = self._whole_hours and at[-1] == "Z" and at[10] == "T"  # type: ignore[index]  # a text, or no moment
        key = event, at[:13] if plain else self._known.floor(moment)  # type: ignore[index]  # the same
        group = self._groups.get(key) if isinstance(event, str) else None
        if group is None:
            self._groups[key] = self._opened(event, user, moment, line)
        elif isinstance(group.users, array):
            group.users.append(_integer(user))
        else:
            group.users.append(_text(user))
        self.visits += 1

    def _opened(self, event: object, user: object, moment: datetime, line: int) -> Group:
        if not isinstance(event, str):
            raise BadValue(f"event is {event!r}; it must be a text")
        is_number = self._known.kind_of(event, user) == "integers"
        users = array("I", [_integer(user)]) if is_number else [_text(user)]
        return Group(event, self._known.floor(moment), line, users)


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
            raise BadValue(f"user is {user[:120]!r}, no integer; --ids texts takes all of them as texts")
        user = int(user) if len(user) <= len(str(LARGEST_ID)) else LARGEST_ID + 1
    elif type(user) is not int:  # a bool is one, and no user
        raise BadValue(f"user is {user!r}; it must be an integer, as the first one of its event is")
    if not 0 <= user <= LARGEST_ID:
        raise BadValue(f"user is beyond 0 to {LARGEST_ID}; --ids texts takes all of them as texts")
    return user


def _text(user: object) -> str:
    if not isinstance(user, str):
        raise BadValue(f"user is {user!r}; it must be a text, as the first one of its event is")
    if not 1 <= len(user) <= LONGEST_TEXT:
        raise BadValue(f"user has {len(user)} characters; it must have 1 to {LONGEST_TEXT}")
    if not user.isascii():
        try:
            user.encode()
        except UnicodeEncodeError:
            raise BadValue(f"user is {user!r}, which is no UTF-8") from None
    return user


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise BadValue(f"at is {moment.isoformat()}, which is no time in UTC") from None

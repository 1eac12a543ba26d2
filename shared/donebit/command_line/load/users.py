"""Reads the users of a file: as integers or as texts, one kind for each event."""

from __future__ import annotations

import re
import shlex
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from donebit.errors import InvalidInput
from donebit.names import checked_name

LARGEST_ID, LONGEST_TEXT = 2**32 - 1, 200
LONGEST_QUOTE = 120  # characters
AUTO, INTEGERS, MAPPED, TEXTS = "auto", "integers", "mapped", "texts"
KINDS = (INTEGERS, MAPPED, TEXTS)
# A column of floats is how many programs write one of integers that has gaps.
INTEGRAL = re.compile(r"[ \t]*(0|[1-9][0-9]*)(?:\.0*)?[ \t]*", re.ASCII)
# A number, as programs write it, that is no id: below zero, or with an exponent. One with a fraction may be
# an id of texts, as Google Analytics has them.
NUMBER = re.compile(r"[ \t]*(?:-[0-9]+(?:\.0*)?|[0-9]+(?:\.[0-9]*)?[eE][+-]?[0-9]+)[ \t]*", re.ASCII)
# What databases, spreadsheets and programs write where there is no value.
MISSING = {
    "NULL",
    "Null",
    "null",
    "None",
    "none",
    "undefined",
    "\\N",
    "NA",
    "N/A",
    "n/a",
    "#NA",
    "#N/A",
    "<NA>",
}
MISSING |= {"NaN", "NAN", "nan", "-NaN", "-nan", "inf", "-inf", "Infinity", "-Infinity"}
EXACT_FLOATS = 2**53  # beyond it a float may be another integer than was meant
Users: TypeAlias = "array[int] | list[str]"  # quoted: array takes no index before Python 3.12


class BadValue(ValueError):
    """A row is not a valid visit; the message says why."""


@dataclass
class KindOfUsers:
    """Which kind of users each event of a file has."""

    asked: str  # auto, integers, mapped or texts
    held: Callable[[str], str | None] = lambda _: None  # what distinct_app holds for an event
    known: dict[str, str] = field(default_factory=dict)  # of each event so far

    def first(self, event: str, user: object, ids: object) -> str:
        """Return the kind of an event that is seen for the first time.

        It is what the option says; else what the event holds; else what this line's `ids` says; else the kind
        of this user. Raises BadValue for a name that no event has, or if the line's `ids` is no kind.
        """
        _check_event(event)
        if ids is not None and ids not in KINDS:
            raise BadValue(f"ids is {quoted(ids)}; it must be integers, mapped or texts")
        if self.asked != AUTO:
            return self.asked
        return self.held(event) or (str(ids) if ids else _kind_of_user(user))

    def check(self, event: str, ids: object) -> None:
        """Raise BadValue if a line's `ids` is another kind than its event has."""
        if self.asked == AUTO and ids != self.known[event]:
            raise BadValue(f"ids is {quoted(ids)}, and {event} holds {self.known[event]}")

    def integer(self, user: object) -> int:
        """Return an integer user. Raises BadValue for another."""
        if isinstance(user, str):
            digits = user if _is_digits(user) else self._integral(user)
            number = int(digits) if len(digits) <= len(str(LARGEST_ID)) else LARGEST_ID + 1
        elif isinstance(user, float) and user.is_integer():
            number = int(user)
        elif type(user) is int:  # a bool is an int too, but not a user
            number = user
        else:
            raise BadValue(f"user is {quoted(user)}; it must be an integer{self._reason()}")
        if not 0 <= number <= LARGEST_ID:
            raise BadValue(f"user is {quoted(user)}, not in 0 to {LARGEST_ID}{self._remedy()}")
        return number

    def text(self, user: object) -> str:
        """Return a text user; an integer is one if all users are to be read as texts."""
        if self.asked == TEXTS and not isinstance(user, bool | str):
            user = _written(user)
        if not isinstance(user, str):
            raise BadValue(f"user is {quoted(user)}; it must be a text{self._reason()}")
        if not 1 <= len(user) <= LONGEST_TEXT:
            raise BadValue(f"user has {len(user)} characters; it must have 1 to {LONGEST_TEXT}")
        if not user.isascii():
            _check_unicode(user)
        return user

    def _integral(self, user: str) -> str:
        match = INTEGRAL.fullmatch(user)
        if match is None:
            raise BadValue(f"user is {quoted(user)}, not an integer{self._remedy()}")
        return match[1]

    def _reason(self) -> str:
        return (
            ", like the other users of its event" if self.asked == AUTO else f", as --ids {self.asked} says"
        )

    def _remedy(self) -> str:
        return "; --ids texts reads all users as texts" if self.asked == AUTO else self._reason()


def quoted(value: object) -> str:
    """Quote a refused value, cut where it is long."""
    return repr(value if not isinstance(value, str) else value[:LONGEST_QUOTE])[:LONGEST_QUOTE]


def _kind_of_user(user: object) -> str:
    if not isinstance(user, str) or not user.strip() or user.strip() in MISSING:
        return INTEGERS
    return INTEGERS if INTEGRAL.fullmatch(user) or NUMBER.fullmatch(user) else TEXTS


def _written(user: object) -> object:
    if isinstance(user, float) and user.is_integer() and abs(user) < EXACT_FLOATS:
        return str(int(user))
    return str(user) if isinstance(user, int) else user


def _is_digits(text: str) -> bool:
    return text.isdigit() and text.isascii() and (text[0] != "0" or text == "0")


def _check_event(event: str) -> None:
    try:
        checked_name(event, "event")
    except InvalidInput as error:
        raise BadValue(
            f"{error.detail}; --map-event {shlex.quote(f'{event[:LONGEST_QUOTE]}=NAME')} renames it"
        ) from None


def _check_unicode(user: str) -> None:
    try:
        user.encode()
    except UnicodeEncodeError:
        raise BadValue(f"user is {quoted(user)}, which is not UTF-8") from None

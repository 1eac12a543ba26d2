"""Turning an expression into a set of bitmaps, all of one kind of users, at a moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from donebit.activity.events import event as events
from donebit.activity.events.event import Event
from donebit.activity.flags import flag
from donebit.activity.flags.flag import Flag
from donebit.activity.query import times
from donebit.activity.query.text import render
from donebit.activity.query.tree import (
    Combination,
    EventUsers,
    Expression,
    ExpressionError,
    FlagUsers,
    Leaf,
    Not,
    leaves_of,
)
from donebit.activity.sets import algebra
from donebit.activity.sets.algebra import EMPTY, Combined, Operation, Set
from donebit.activity.site import Site
from donebit.activity.users.ids import UserKind
from donebit.errors import InvalidInput
from donebit.store.bitmaps import Bitmap


@dataclass(frozen=True, slots=True)
class Resolved:
    """A set and the kind of its users; the kind is None if it has no users."""

    users: Set
    kind: UserKind | None


def resolve(site: Site, expression: Expression, now: datetime) -> Resolved:
    """The set that an expression means at `now`.

    Raises:
        InvalidInput: it mixes kinds of users, or a period has expired; the message names the place.
    """
    leaves = list(leaves_of(expression))
    known = ResolvedNames(site, leaves)
    builder = SetBuilder(site, known, known.kind_of(leaves), now)
    users = builder.set_of(expression)
    return Resolved(users, builder.kind)


class ResolvedNames:
    """The events and flags of one expression, each read from the store once."""

    def __init__(self, site: Site, leaves: list[Leaf]) -> None:
        names = {leaf.event for leaf in leaves if isinstance(leaf, EventUsers)}
        self.events = {name: events.get(site, name) for name in names}
        names = {leaf.flag for leaf in leaves if isinstance(leaf, FlagUsers)}
        self.flags = {name: flag.get(site, name) for name in names}

    def get(self, leaf: Leaf) -> Event | Flag:
        """The event or flag of a leaf."""
        return self.events[leaf.event] if isinstance(leaf, EventUsers) else self.flags[leaf.flag]

    def kind_of(self, leaves: list[Leaf]) -> UserKind | None:
        """The kind of users that all leaves hold. Raises InvalidInput naming two that differ."""
        kinds = [(leaf, kind) for leaf in leaves if (kind := self.get(leaf).kind) is not None]
        for leaf, kind in kinds:
            if kind != kinds[0][1]:
                first = f"{self.describe(kinds[0][0])} holds {kinds[0][1]}"
                raise ExpressionError(
                    f"{self.describe(leaf)} holds {kind} and {first}; a question is about one kind of users",
                    leaf.place,
                )
        return kinds[0][1] if kinds else None

    def describe(self, leaf: Leaf) -> str:
        """A leaf's name for error messages."""
        return f"event {leaf.event}" if isinstance(leaf, EventUsers) else f"flag {leaf.flag}"


class SetBuilder:
    """Turns each part of an expression into a set.

    `kind` is that of the named events and flags; if none of them has users, a NOT makes it that of all users.
    """

    def __init__(self, site: Site, known: ResolvedNames, kind: UserKind | None, now: datetime) -> None:
        self.site, self.known, self.kind, self.now = site, known, kind, now

    def set_of(self, expression: Expression) -> Set:
        """The set of a part of the expression."""
        match expression:
            case EventUsers():
                return self.event_users(expression)
            case FlagUsers():
                return self.known.flags[expression.flag].bitmap
            case Not():
                return algebra.without(self.all_users(expression), self.set_of(expression.users))
            case Combination(operation=Operation.MINUS, parts=(first, *others)):
                return algebra.without(
                    self.set_of(first), algebra.union([self.set_of(part) for part in others])
                )
            case Combination(operation=Operation.AND, parts=parts):
                return self.intersection(parts)
            case Combination(operation=operation, parts=parts):
                return Combined(operation, tuple(self.set_of(part) for part in parts))

    def event_users(self, leaf: EventUsers) -> Set:
        """The users of an event at the leaf's time."""
        event = self.known.events[leaf.event]
        with located_errors(leaf):
            periods = times.periods(self.site, event, leaf.when, self.now)
        return algebra.union([Bitmap(event.name, period.name) for period in periods])

    def intersection(self, parts: tuple[Expression, ...]) -> Set:
        """The users in all parts.

        If an event is among the parts, a NOT need not read all users: the event's users are among them.
        """
        others = [part for part in parts if not isinstance(part, Not)]
        if len(others) == len(parts) or not any(isinstance(part, EventUsers) for part in others):
            return algebra.both(*(self.set_of(part) for part in parts))
        inside = [self.set_of(part) for part in others]
        outside = [self.set_of(part.users) for part in parts if isinstance(part, Not)]
        return algebra.without(
            inside[0] if len(inside) == 1 else algebra.both(*inside), algebra.union(outside)
        )

    def all_users(self, expression: Not) -> Set:
        """All users ever seen, of the expression's kind."""
        if self.kind is not None:
            return algebra.all_users(self.site, self.kind)
        kinds = sorted(set(self.site.store.visits.events().values()))
        if len(kinds) > 1:
            raise ExpressionError(
                f"`not` is ambiguous: events hold {'both ' if len(kinds) == 2 else ''}{' and '.join(kinds)}; "
                "name an event or flag with users",
                expression.place,
            )
        if not kinds:
            return EMPTY
        self.kind = UserKind(kinds[0])
        return algebra.all_users(self.site, self.kind)


@contextmanager
def located_errors(leaf: Leaf) -> Iterator[None]:
    """Add the leaf and its place to every InvalidInput raised inside."""
    try:
        yield
    except InvalidInput as error:
        raise ExpressionError(f"{render(leaf)}: {error.detail}", leaf.place) from None

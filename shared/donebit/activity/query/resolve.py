"""What an expression means on a site, now: a set of bitmaps, all of one kind of users."""

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
    """A set, and what its users are; None where nothing that is named was ever seen."""

    users: Set
    kind: UserKind | None


def resolve(site: Site, expression: Expression, now: datetime) -> Resolved:
    """The set that is meant.

    Raises:
        InvalidInput: it mixes kinds of users, or asks for what is no longer kept; the message says where.
    """
    leaves = list(leaves_of(expression))
    known = ResolvedNames(site, leaves)
    kind = known.kind_of(leaves)
    return Resolved(Meaning(site, known, kind, now).of(expression), kind)


class ResolvedNames:
    """What the store knows of the events and flags of one expression; each looked up once."""

    def __init__(self, site: Site, leaves: list[Leaf]) -> None:
        names = {leaf.event for leaf in leaves if isinstance(leaf, EventUsers)}
        self.events = {name: events.get(site, name) for name in names}
        names = {leaf.flag for leaf in leaves if isinstance(leaf, FlagUsers)}
        self.flags = {name: flag.get(site, name) for name in names}

    def about(self, leaf: Leaf) -> Event | Flag:
        return self.events[leaf.event] if isinstance(leaf, EventUsers) else self.flags[leaf.flag]

    def kind_of(self, leaves: list[Leaf]) -> UserKind | None:
        """The one kind of all of them. Raises InvalidInput naming two that differ."""
        held = [(leaf, kind) for leaf in leaves if (kind := self.about(leaf).kind) is not None]
        for leaf, kind in held:
            if kind != held[0][1]:
                first = f"{self.told(held[0][0])} holds {held[0][1]}"
                raise ExpressionError(
                    f"{self.told(leaf)} holds {kind} and {first}; a question is about one kind of users",
                    leaf.place,
                )
        return held[0][1] if held else None

    def told(self, leaf: Leaf) -> str:
        return f"event {leaf.event}" if isinstance(leaf, EventUsers) else f"flag {leaf.flag}"


class Meaning:
    """Turns each part into a set."""

    def __init__(self, site: Site, known: ResolvedNames, kind: UserKind | None, now: datetime) -> None:
        self.site, self.known, self.kind, self.now = site, known, kind, now

    def of(self, expression: Expression) -> Set:
        match expression:
            case EventUsers():
                return self.seen(expression)
            case FlagUsers():
                return self.known.flags[expression.flag].bitmap
            case Not():
                return algebra.without(self.everybody(expression), self.of(expression.users))
            case Combination(operation=Operation.MINUS, parts=(first, *others)):
                return algebra.without(self.of(first), algebra.union([self.of(part) for part in others]))
            case Combination(operation=Operation.AND, parts=parts):
                return self.both(parts)
            case Combination(operation=operation, parts=parts):
                return Combined(operation, tuple(self.of(part) for part in parts))

    def seen(self, leaf: EventUsers) -> Set:
        event = self.known.events[leaf.event]
        with told_of(leaf):
            periods = times.periods(self.site, event, leaf.when, self.now)
        return algebra.union([Bitmap(event.name, period.name) for period in periods])

    def both(self, parts: tuple[Expression, ...]) -> Set:
        """With an event among them, a NOT needs nobody else: whoever an event saw was ever seen."""
        others = [part for part in parts if not isinstance(part, Not)]
        if len(others) == len(parts) or not any(isinstance(part, EventUsers) for part in others):
            return algebra.both(*(self.of(part) for part in parts))
        inside = [self.of(part) for part in others]
        outside = [self.of(part.users) for part in parts if isinstance(part, Not)]
        return algebra.without(
            inside[0] if len(inside) == 1 else algebra.both(*inside), algebra.union(outside)
        )

    def everybody(self, expression: Not) -> Set:
        """All users ever seen, of the kind that the question is about."""
        if self.kind is not None:
            return algebra.all_users(self.site, self.kind)
        kinds = sorted(set(self.site.store.visits.events().values()))
        if len(kinds) > 1:
            raise ExpressionError(
                f"not of which users? There are {' and '.join(kinds)}, and nothing named here was ever seen",
                expression.place,
            )
        return algebra.all_users(self.site, UserKind(kinds[0])) if kinds else EMPTY


@contextmanager
def told_of(leaf: Leaf) -> Iterator[None]:
    """Say of what is refused where it stands."""
    try:
        yield
    except InvalidInput as error:
        raise ExpressionError(f"{render(leaf)}: {error.detail}", leaf.place) from None
